"""The engines by name; a model names one of them, which is part of a run's identity."""

from .codegen.cache import kernel_cache

with kernel_cache():
    from .direct import DirectMethod
    from .wavefunction import WaveFunction

from .interface import Engine

ENGINES: dict[str, Engine] = {"direct": DirectMethod(), "wavefunction": WaveFunction()}
