"""An ensemble as labelled data (xarray), and as a printed summary."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import units
from ..errors import InputError
from ..utils import provenance
from ..utils.text import readable_bytes, some_of
from ..utils.typing import Array
from . import records
from .variables import Variable

if TYPE_CHECKING:
    import xarray

    from ..model.base import BaseModel
    from ..model.initial import Fixed, Mixture, Thermal
    from .ensemble import Ensemble


def dataset(ensemble: "Ensemble") -> "xarray.Dataset":
    """Build the `xarray.Dataset` of `Ensemble.to_xarray`: the variables of the file.

    Raises
    ------
    InputError
        When xarray is not installed.
    """
    try:
        import xarray
    except ImportError:
        raise InputError("to_xarray needs xarray: pip install 'jumpsim[xarray]'") from None
    model = ensemble.model
    chosen = [v for v in ensemble._store.plan.variables if "word" not in v.dimensions]
    events = iter(_events(ensemble, chosen))
    averages = _averages(ensemble)
    variables = {}
    for variable in chosen:
        if variable.per_trajectory:
            values = ensemble._all(variable.name)
        else:
            values = next(events) if variable.per_event else averages[variable.name]()
        attributes = {"units": variable.units, "long_name": variable.long_name}
        variables[variable.name] = (variable.dimensions, values, attributes)
    used = {d for variable in chosen for d in variable.dimensions} | {"time"}
    coordinates: dict[str, Any] = {
        "trajectory": ("trajectory", ensemble.indices),
        "time": ("time", ensemble.times, {"units": "s", "long_name": "time since the start"}),
        **{name: list(records.labels(model, name)) for name in records.LABELS if name in used},
    }
    global_attributes = {
        "title": f"Single photon events of {model.name}",
        "run": provenance.canonical_json(ensemble._store.plan.asdict()),
        "ntraj": ensemble.ntraj,
        "stop_reason": ensemble.stop_reason or "",
    }
    return xarray.Dataset(
        variables, {name: c for name, c in coordinates.items() if name in used}, global_attributes
    )


def _averages(ensemble: "Ensemble") -> dict[str, Callable[[], Array]]:
    """Functions that return averages and covariances or variances, by names of variables."""
    found: dict[str, Callable[[], Array]] = {}
    for record in (records.RECORDS[name] for name in ensemble.record):
        if record.sums:
            _, _, mean, spread = records.averages(ensemble.model, record.name)
            found[mean.name] = ensemble.mean
            found[spread.name] = ensemble.cov if record.pairs else ensemble.var
    return found


def _events(ensemble: "Ensemble", chosen: Sequence[Variable]) -> tuple[Any, ...]:
    """Times and channels of all events; empty when they were not recorded."""
    if any(variable.per_event for variable in chosen):
        return ensemble._store.read_events(0, ensemble.ntraj)
    return ()


def summary(ensemble: "Ensemble") -> str:
    """Text that `print(ensemble)` shows."""
    model, times = ensemble.model, ensemble.times
    samples = model.samples.names
    sizes = {"ntraj": ensemble.ntraj, "times": len(times), "events": ensemble.n_events}
    rows = [
        ("pools", some_of(model.pools)),
        *([("samples", some_of(samples))] if samples != model.pools else []),
        ("channels", f"{len(model.channels)}"),
        ("method", ensemble._store.plan.method.replace("_", " ")),
        ("times", f"{len(times)} from {times[0]:g} s to {times[-1]:g} s"),
        ("start", describe_start(ensemble.initial, model)),
        *(("kept", f"{name} {records.shown(name, model, **sizes)}") for name in ensemble.record),
        ("events", f"{ensemble.n_events}"),
        ("seed", f"{ensemble.seed}"),
        ("stopped", ensemble.stop_reason or "not finished"),
        ("where", f"{ensemble.path}, {file_size(ensemble)}" if ensemble.path else "in memory"),
    ]
    head = f"{ensemble.ntraj} trajectories of {model.name}"
    return "\n".join([head, *(f"  {label:<8}  {text}" for label, text in rows)])


def describe_start(initial: "Thermal | Fixed | Mixture", model: "BaseModel") -> str:
    """Describe an initial state in one phrase."""
    data = initial.asdict()
    if "counts" in data:
        return "counts " + some_of([f"{n} = {v}" for n, v in data["counts"].items()])
    if "mixture" in data:
        return f"a mixture of {len(data['mixture'])} states, drawn for each trajectory"
    x = data["thermal"]
    text = ", ".join(f"{n}: {v}" for n, v in x.items()) if isinstance(x, dict) else f"{x}"
    how = "drawn for each trajectory" if data["spread"] else "nearest whole numbers"
    kelvin = ""
    if model.wavelength is not None and isinstance(x, float) and x:
        kelvin = f" (T = {units.kelvin_per_quantum(model.wavelength) / x:.1f} K)"
    return f"thermal, ħΩ/k_B T = {text}{kelvin}, {how}"


def file_size(ensemble: "Ensemble") -> str:
    """Size on disk as text, such as "12.3 kB"."""
    return readable_bytes(sum(p.path.stat().st_size for p in ensemble._store._parts))
