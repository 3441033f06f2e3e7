"""The engines by name. The name of the engine of a model is part of the identity of a run."""

from .codegen.cache import kernel_cache

with kernel_cache():
    from .direct import DirectMethod
    from .partial import PartialPropensities
    from .wavefunction import WaveFunction

from .interface import Engine

ENGINES: dict[str, Engine] = {
    "direct": DirectMethod(),
    "partial_propensities": PartialPropensities(),
    "wavefunction": WaveFunction(),
}
