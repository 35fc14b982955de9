"""The one way to sample: a model in, chains and their diagnostics out."""

import json
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import InferenceFailed
from pymc_vibes.stats.nuts.model import Sampled

if TYPE_CHECKING:
    import xarray as xr

    from pymc_vibes.core.run import Watch
    from pymc_vibes.stats.nuts.ladder import Rung, Tried
    from pymc_vibes.stats.nuts.messages import Done
    from pymc_vibes.stats.nuts.model import Model, SamplerSettings


def sample(
    model: "Model",
    settings: "SamplerSettings",
    watch: "Watch",
    *,
    other_form: "Model | None" = None,
    note: str | None = None,
) -> Sampled:
    """Sample a model by NUTS, climbing the retry ladder until its chains can be trusted.

    `other_form` is the same model with other coordinates and the same variables, tried when the
    chains of the first disagree. `note` says why it is sampled (`Diagnostics.why`). Raises
    `SamplingNeeded` where nobody waits, `BadRows` for data that are no numbers, `RunCancelled`,
    and `InferenceFailed`; an unconverged result is no error but a verdict.
    """
    from pymc_vibes.stats.diagnose import diagnose
    from pymc_vibes.stats.nuts.job import draw
    from pymc_vibes.stats.nuts.ladder import Tried, climb

    watch.sampling()
    forms = [model] if other_form is None else [model, other_form]
    for form in forms:
        form.check()

    def attempt(rung: "Rung", number: int) -> "Tried":
        done = draw(forms[rung.form], rung.settings, watch, number)
        tree = _tree(forms[rung.form], rung.settings, done)
        found = diagnose(tree, measures=done.measures, why=note)
        return Tried(
            rung=rung,
            sampled=Sampled(tree=tree, diagnostics=found),
            seconds=done.seconds,
            compile_seconds=done.compile_seconds,
        )

    return climb(settings, [_name(form, i) for i, form in enumerate(forms)], attempt)


def _name(model: "Model", index: int) -> str:
    return str(model.options.get("form", ("first", "other")[index]))


def _tree(model: "Model", settings: "SamplerSettings", done: "Done") -> "xr.DataTree":
    import numpy as np
    import xarray as xr

    coords = {"chain": np.arange(settings.chains), "draw": np.arange(settings.draws)}
    labels = {dim: list(names) for dim, names in model.coords.items()}
    used = {dim for dims in done.dims.values() for dim in dims}
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", *done.dims[name]), array)
            for name, array in done.posterior.items()
        },
        attrs={
            "inference_method": "nuts",
            "inference_library": done.library,
            "sampler_settings": json.dumps(vars(settings)),
            "derived": json.dumps(done.derived),
        },
    )
    _check_lengths(posterior, labels)
    posterior = posterior.assign_coords(
        {**coords, **{dim: names for dim, names in labels.items() if dim in used}}
    )
    stats = xr.Dataset(
        {name: (("chain", "draw"), array) for name, array in done.stats.items()}, coords=coords
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


def _check_lengths(posterior: "xr.Dataset", labels: "dict[str, list[str]]") -> None:
    wrong = [
        f"{dim} has {posterior.sizes[dim]} values for {len(names)} labels"
        for dim, names in labels.items()
        if dim in posterior.sizes and posterior.sizes[dim] != len(names)
    ]
    if wrong:
        raise InferenceFailed(
            f"The model does not fit its labels: {'; '.join(wrong)}.",
            hint="The builder and the coordinates given to it disagree.",
        )
