"""Sweeps and observations as data sets: the numbers of their records, by the names of axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shipped import OTHER_RULES

from symdrift.errors import RequestError
from symdrift.evaluation.sweep import sweep
from symdrift.evaluation.sweep_axes import Axis, linear_axis
from symdrift.observables import observe
from symdrift.study import read_study

xarray = pytest.importorskip("xarray")

AXES = (Axis("learning.weight_decay", (0.1, 1.2)), Axis("learning.rate", (0.001, 0.002, 0.003)))


@pytest.mark.parametrize("name", ["anisotropic_autoencoder", "misaligned_teacher"])
def test_a_sweep_is_an_array_over_its_axes(name: str) -> None:
    swept = sweep(read_study(name), AXES)
    data = swept.to_dataset()
    assert dict(data.sizes) | {"hidden_axis": 0, "plane": 0, "stimulus": 0} == {
        "learning.weight_decay": 2, "learning.rate": 3, "hidden_axis": 0, "plane": 0, "stimulus": 0
    }  # fmt: skip
    for point in swept:
        record: Any = point.to_dict()
        here = data.sel(point.swept)
        assert here.minimum_rank == record["minimum"]["rank"]
        excess = record["fluctuation"]["excess_loss"]
        assert here.fluctuation_excess_loss == pytest.approx(excess, rel=1e-14)
        values = here.minimum_singular_values.values
        learned = record["minimum"]["singular_values"]
        assert values[~np.isnan(values)] == pytest.approx(learned, rel=1e-14)
        for stimulus in record["stimuli"]:
            found = here.sel(stimulus=stimulus["name"])
            for key in ("decay_rate", "squared_norm"):
                assert found[f"stimuli_{key}"] == pytest.approx(stimulus[key], rel=1e-14)
        drift = record["drift"]
        for place, (i, j) in enumerate(drift["planes"]):
            found = here.sel(plane=f"{i}-{j}")
            variances = drift["covariance"]
            if "diagonal" not in drift:
                variances = np.diagonal(variances)
            assert found.drift_covariance == pytest.approx(variances[place], rel=1e-14)
            assert found.drift_mean_rotation == drift["mean_rotation"][place]


def test_what_exists_at_some_points_only_is_nan_at_the_others() -> None:
    """At a weight decay of 1.2 only the first of three axes, of variance 2, is learned."""
    data = sweep(read_study("anisotropic_autoencoder"), AXES).to_dataset()
    assert data.minimum_rank.values[:, 0].tolist() == [3, 1]
    assert data.plane.values.tolist() == ["1-2", "1-3", "2-3"]
    assert data.drift_diffusion.notnull().sum("plane").values[:, 0].tolist() == [3, 0]


def test_units_and_what_does_not_vary_are_attributes() -> None:
    study = read_study("anisotropic_autoencoder")
    data = sweep(study, [linear_axis("gamma", 0.1, 0.2, 3)]).to_dataset()
    units = {name: data[name].attrs.get("units") for name in data.data_vars}
    assert units["drift_diffusion"] == "rad^2/step"
    assert units["drift_mean_rotation"] == "rad/step"
    assert units["stimuli_decay_rate"] == "1/step"
    assert units["minimum_loss"] == "1"
    assert data.attrs["study"] == "anisotropic_autoencoder"
    assert data.attrs["hidden"] == 3 and data.attrs["method"] == "closed-form"
    # The symbol sets this field: it varies along its axis.
    assert data.weight_decay.dims == ("gamma",)
    assert data.weight_decay.values.tolist() == data.gamma.values.tolist()


@pytest.mark.parametrize("name", ["anisotropic_autoencoder", "misaligned_teacher", *OTHER_RULES])
def test_every_number_of_a_sweep_says_what_it_is(name: str) -> None:
    """Variables and coordinates have a long name and, unless they are text, a unit."""
    study = read_study(name)
    data = sweep(study, [Axis("learning.batch", (1.0, 2.0))], order=None).to_dataset()
    for each in data.variables.values():
        assert each.attrs["long_name"]
        assert ("units" in each.attrs) == (each.dtype.kind != "U" and each.size > 0)
    for each in data.data_vars.values():
        own = "per SGD step" in each.long_name and "next order" not in each.long_name
        assert own == each.units.endswith("/step")
    assert data["learning.batch"].long_name == "samples per SGD step"


def test_axes_are_named_by_their_fields_and_symbols() -> None:
    study = read_study("frequent_stimulus")
    axes = [
        Axis(path, (0.1, 0.2)) for path in ("gamma", "teacher.label_noise", "stimulus.0.vector.1")
    ]
    data = sweep(study, axes).to_dataset()
    names = [data[axis.path].attrs["long_name"] for axis in axes]
    assert names[0] == "symbol gamma of the study"
    assert "label noise" in names[1] and names[2].endswith("entry 1")
    assert data.weight_decay.attrs["long_name"].startswith("weight decay")


def test_stimuli_alone_have_no_planes_and_one_point_no_axes() -> None:
    data = sweep(read_study("misaligned_teacher"), (), quantities="stimuli").to_dataset()
    assert data.sizes["plane"] == 0 and "drift_covariance" not in data
    assert data.minimum_loss.dims == () and data.stimuli_diffusion.dims == ("stimulus",)


def test_points_of_many_planes_are_in_the_order_of_their_axes() -> None:
    study = read_study("isotropic_autoencoder").with_values({"n": 12.0})
    planes = sweep(study, ()).to_dataset().plane.values.tolist()
    assert planes == [f"{i}-{j}" for i in range(1, 13) for j in range(i + 1, 13)]


def test_an_observation_is_an_array_over_lags(tmp_path: Path) -> None:
    times = np.geomspace(10, 1e7, 4)
    observation = observe(read_study("anisotropic_autoencoder").problem(), times)
    record: Any = observation.to_dict()
    data = observation.to_dataset()
    assert data.lag.values.tolist() == times.tolist() and data.lag.attrs["units"] == "step"
    for moved, kept in zip(record["displacement"], record["autocorrelation"], strict=True):
        here = data.sel(stimulus=moved["stimulus"])
        assert here.displacement_total.values.tolist() == moved["total"]
        assert here.autocorrelation_normalised.values.tolist() == kept["normalised"]
        assert here.decorrelation_time == kept["decorrelation_time"]
    for angle in record["angle"]:
        here = data.sel(stimulus=angle["stimulus"])
        assert here.angle_angle.values.tolist() == angle["angle"]
    similarity = record["similarity"]
    assert data.similarity_gram.dims == ("stimulus", "other_stimulus")
    assert data.similarity_gram.values.tolist() == similarity["gram"]
    assert data.similarity_gram_change.values.tolist() == similarity["gram_change"]
    for decoder in record["decoder"]:
        here = data.sel(target=decoder["target"])
        assert here.decoder_r_squared.values.tolist() == decoder["r_squared"]
    tuning = record["tuning"]
    assert data.tuning_quantile.sel(quantile=0.5).values.tolist() == [
        row[2] for row in tuning["quantiles"]
    ]
    assert data.tuning_correlation.transpose("lag", "neuron").values.tolist() == tuning["neurons"]
    assert data.tuning_mean.dims == ("lag",)
    assert data.angle_angle.attrs == {"units": "rad"}


def test_what_an_observation_lacks_is_left_out_or_nan() -> None:
    """Without steady rotation nothing of this study is forgotten; it has two stimuli."""
    settings = {"correlation": "0", "teacher.map": "[1.2, 0.05]"}
    observation = observe(read_study("misaligned_teacher").with_values(settings).problem())
    data = observation.to_dataset()
    assert "tuning_mean" not in data
    never = [kept.decorrelation_time is None for kept in observation.autocorrelation]
    assert any(never)
    if "decorrelation_time" in data:
        assert data.decorrelation_time.isnull().values.tolist() == never


def test_data_sets_come_back_from_a_file(tmp_path: Path) -> None:
    pytest.importorskip("h5netcdf")
    study = read_study("anisotropic_autoencoder")
    observation = observe(study.problem(), np.geomspace(10, 1e7, 4))
    for name, data in (
        ("sweep", sweep(study, AXES).to_dataset()), ("observation", observation.to_dataset())
    ):  # fmt: skip
        data.to_netcdf(tmp_path / f"{name}.nc", engine="h5netcdf")
        with xarray.open_dataset(tmp_path / f"{name}.nc", engine="h5netcdf") as again:
            xarray.testing.assert_identical(again.load(), data)


def test_a_symbol_that_is_called_like_an_axis_is_refused(tmp_path: Path) -> None:
    text = Path("derivations/anisotropic_autoencoder.toml").read_text("utf-8")
    renamed = tmp_path / "plane.toml"
    renamed.write_text(text.replace("gamma", "plane"), "utf-8")
    swept = sweep(read_study(str(renamed)), [linear_axis("plane", 0.1, 0.2, 2)])
    with pytest.raises(RequestError, match='to_dataset has an axis "plane" of its own'):
        swept.to_dataset()
