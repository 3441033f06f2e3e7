"""An ensemble as labelled data, and in words."""

from .. import units
from ..errors import InputError
from ..utils import provenance
from ..utils.text import readable_bytes
from . import hdf5_layout


def dataset(ensemble):
    """Build the `xarray.Dataset` of `Ensemble.to_xarray`: the variables of the file."""
    try:
        import xarray
    except ImportError:
        raise InputError("to_xarray needs xarray: pip install 'jumpsim[xarray]'") from None
    model = ensemble.model
    data = {}
    for name in model.columns:
        if name in ensemble.record:
            data[name] = getattr(ensemble, name)
    if ensemble.record != ("moments",):
        data["event_count"] = ensemble.event_count
    if "events" in ensemble.record:
        times, channels = ensemble._store.read_events(0, ensemble.ntraj)
        data["event_time"], data["event_channel"] = times, channels
    if "moments" in ensemble.record:
        mean, covariance = hdf5_layout.MOMENTS[model.sampled][2:]
        data[mean], data[covariance] = ensemble.mean(), ensemble.cov()
    scale, columns = hdf5_layout.SCALES[model.sampled][0], model.columns[model.sampled]
    variables = {}
    for name, values in data.items():
        dimensions, unit, long_name = hdf5_layout.describe(name)
        variables[name] = (dimensions, values, {"units": unit, "long_name": long_name})
    coordinates = {
        "trajectory": ("trajectory", ensemble.indices),
        "time": ("time", ensemble.times, {"units": "s", "long_name": "time since the start"}),
        scale: list(columns),
        f"other_{scale}": list(columns),
        "channel": list(model.channels),
    }
    used = {d for dims, _, _ in variables.values() for d in dims} | {"time"}
    attributes = {
        "title": f"Single photon events of {model.name}",
        "run": provenance.canonical_json(ensemble._store.plan.asdict()),
        "ntraj": ensemble.ntraj,
        "stop_reason": ensemble.stop_reason or "",
    }
    return xarray.Dataset(
        variables, {name: c for name, c in coordinates.items() if name in used}, attributes
    )


def summary(ensemble):
    """What `print(ensemble)` shows."""
    model, times = ensemble.model, ensemble.times
    samples = model.columns[model.sampled]
    shapes = {
        **{n: f"({ensemble.ntraj}, {len(times)}, {len(c)})" for n, c in model.columns.items()},
        "events": f"{ensemble.n_events} times and channels",
        "moments": f"mean and covariance, {len(times)} times of {len(samples)} columns",
    }
    rows = [
        ("pools", ", ".join(model.pools)),
        *([("samples", ", ".join(samples))] if samples != model.pools else []),
        ("channels", f"{len(model.channels)}"),
        ("times", f"{len(times)} from {times[0]:g} s to {times[-1]:g} s"),
        ("start", describe_start(ensemble.initial, model)),
        *(("kept", f"{name} {shapes[name]}") for name in ensemble.record),
        ("events", f"{ensemble.n_events}"),
        ("seed", f"{ensemble.seed}"),
        ("stopped", ensemble.stop_reason or "not finished"),
        ("where", f"{ensemble.path}, {file_size(ensemble)}" if ensemble.path else "in memory"),
    ]
    head = f"{ensemble.ntraj} trajectories of {model.name}"
    return "\n".join([head, *(f"  {label:<8}  {text}" for label, text in rows)])


def describe_start(initial, model):
    """One phrase for a start."""
    data = initial.asdict()
    if "counts" in data:
        return "counts " + ", ".join(f"{n} = {v}" for n, v in data["counts"].items())
    if "mixture" in data:
        return f"a mixture of {len(data['mixture'])} states, drawn for each trajectory"
    x = data["thermal"]
    text = ", ".join(f"{n}: {v}" for n, v in x.items()) if isinstance(x, dict) else f"{x}"
    how = "drawn for each trajectory" if data["spread"] else "nearest whole numbers"
    kelvin = ""
    if model.wavelength is not None and isinstance(x, float) and x:
        kelvin = f" (T = {units.kelvin_per_quantum(model.wavelength) / x:.1f} K)"
    return f"thermal, ħΩ/k_B T = {text}{kelvin}, {how}"


def file_size(ensemble):
    """Bytes on disk, in words."""
    return readable_bytes(sum(p.path.stat().st_size for p in ensemble._store._parts))
