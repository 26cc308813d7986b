# SPDX-License-Identifier: Apache-2.0
"""quantize_layer against its definition. The oracles are spelled out here and call nothing that they judge."""

import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

import quantize_layer  # noqa: E402
import w4fixture  # noqa: E402
from quantize_layer import Options, hessian_of, quantize  # noqa: E402

VARIANTS = [dict(symmetric=symmetric, act_order=act_order, clip=clip)
            for symmetric in (True, False) for act_order in (False, True) for clip in (False, True)]


def spelled_out(variant):
    return "-".join(key for key, value in variant.items() if value) or "plain"


# ---- oracles and data ------------------------------------------------------------------------------------------------

def random_layer(seed=1, inputs=64, outputs=24, tokens=300):
    """Weight (K, N) off centre, so that zero points matter, and activations (n, K) whose features are correlated."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(0.02, 0.05, (inputs, outputs)) * rng.uniform(0.3, 3.0, outputs)
    mixing = rng.normal(size=(inputs // 4, inputs)) * rng.uniform(0.1, 4.0, inputs)
    activations = rng.normal(size=(tokens, inputs // 4)) @ mixing + 0.1 * rng.normal(size=(tokens, inputs))
    return weight, activations


def nibble(word, slot):
    return (int(word) % 2**32 >> (4 * slot)) % 16


def weights_by_definition(layer):
    """w = scale * (code - z) element by element, straight from the stored tensors."""
    rows, columns = layer.qweight.shape[0] * 8, layer.qweight.shape[1]
    group_size = rows // layer.scales.shape[0]
    weights = np.empty((rows, columns))
    for k in range(rows):
        group = k // group_size if layer.g_idx is None else layer.g_idx[k]
        for n in range(columns):
            stored = nibble(layer.qzeros[group, n // 8], n % 8)
            zero_point = (stored + 1) % 16 if layer.format == "gptq_v1" else stored
            weights[k, n] = float(layer.scales[group, n]) * (nibble(layer.qweight[k // 8, n], k % 8) - zero_point)
    return weights


def output_error(weight, layer, activations):
    return np.linalg.norm((weight - weights_by_definition(layer)).T @ activations.T)


def values_of_each_row(layer):
    """(K, N, 16): what each weight could have been."""
    groups = layer.g_idx if layer.g_idx is not None else np.arange(len(layer.qweight) * 8) // layer.group_size
    stored = np.array([[nibble(word, slot) for word in line for slot in range(8)] for line in layer.qzeros])
    zero_points = (stored + 1) % 16 if layer.format == "gptq_v1" else stored
    return layer.scales[groups].astype(float)[:, :, None] * (np.arange(16) - zero_points[groups][:, :, None])


def grid_by_definition(column, importance, options):
    """(scale, zero point) of one group in one column: of all ranges tried, the one with the least weighted error."""
    candidates = []
    for shrink in np.linspace(1.0, 0.6, 41) if options.clip else [1.0]:
        low, high = shrink * min(column.min(), 0.0), shrink * max(column.max(), 0.0)
        scale = float(np.float16((2 * max(-low, high) if options.symmetric else high - low) / 15))
        zero_point = 8 if options.symmetric else min(max(round(-low / scale), 0), 15)
        values = scale * (np.clip(np.rint(column / scale) + zero_point, 0, 15) - zero_point)
        candidates.append((sum(importance * (values - column) ** 2), -shrink, scale, zero_point))
    return min(candidates)[2:]


def grids_by_definition(rows, importance, options):
    """(scales, zero points), each (N), of one group of rows (group_size, N)."""
    grids = [grid_by_definition(column, importance, options) for column in rows.T]
    return tuple(np.array(part) for part in zip(*grids, strict=True))


# ---- words -----------------------------------------------------------------------------------------------------------

def test_slot_i_of_qweight_word_r_n_is_row_8r_plus_i():
    codes = np.random.default_rng(2).integers(0, 16, (40, 24))
    words = w4fixture.pack_rows(codes)
    assert words.dtype == np.int32 and words.shape == (5, 24)
    for r, n in np.ndindex(words.shape):
        assert int(words[r, n]) % 2**32 == sum(int(codes[8 * r + i, n]) * 16**i for i in range(8)), (r, n)


def test_slot_i_of_qzeros_word_g_c_is_column_8c_plus_i():
    codes = np.random.default_rng(3).integers(0, 16, (5, 24))
    words = w4fixture.pack_columns(codes)
    assert words.dtype == np.int32 and words.shape == (5, 3)
    for g, c in np.ndindex(words.shape):
        assert int(words[g, c]) % 2**32 == sum(int(codes[g, 8 * c + i]) * 16**i for i in range(8)), (g, c)


@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_unpacking_undoes_packing(axis):
    codes = np.random.default_rng(4).integers(0, 16, (16, 40))
    pack, unpack = getattr(w4fixture, f"pack_{axis}"), getattr(w4fixture, f"unpack_{axis}")
    assert np.array_equal(unpack(pack(codes)), codes)


@pytest.mark.parametrize("outside", [-1, 16])
def test_a_code_that_would_spill_into_the_next_slot_is_refused(outside):
    codes = np.zeros((8, 8), dtype=int)
    codes[3, 5] = outside
    with pytest.raises(w4fixture.InputError, match="must lie in 0..15"):
        w4fixture.pack_rows(codes)


def test_v1_stores_zero_points_minus_one_and_wraps_0_to_15():
    stored = w4fixture.encode_zero_points(np.arange(16), "gptq_v1")
    assert list(stored) == [15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert list(w4fixture.decode_zero_points(stored, "gptq_v1")) == list(range(16))


def test_v2_stores_zero_points_as_they_are():
    assert list(w4fixture.encode_zero_points(np.arange(16), "gptq_v2")) == list(range(16))
    assert list(w4fixture.decode_zero_points(np.arange(16), "gptq_v2")) == list(range(16))


@pytest.mark.parametrize("name, word", [("gptq_v1", 0x77777777), ("gptq_v2", 0x88888888 - 2**32)])
def test_symmetric_qzeros_are_all_7_in_v1_and_all_8_in_v2(name, word):
    weight, activations = random_layer()
    layer = quantize(weight, hessian_of(activations), Options(group_size=16, format=name))
    assert np.array_equal(layer.qzeros, np.full((4, 3), word, dtype=np.int32))


def test_a_group_of_positive_weights_has_zero_point_0_and_survives_v1():
    weight, activations = np.abs(random_layer()[0]), random_layer()[1]
    layer = quantize(weight, hessian_of(activations), Options(group_size=16, symmetric=False, method="rtn"))
    assert np.array_equal(layer.qzeros, np.full((4, 3), -1, dtype=np.int32))    # every slot 15
    assert np.abs(weights_by_definition(layer) - weight).max() <= 0.51 * layer.scales.max()


# ---- rounding --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["gptq_v1", "gptq_v2"])
@pytest.mark.parametrize("variant", VARIANTS, ids=spelled_out)
def test_dequantize_is_scale_times_code_minus_zero_point(variant, name):
    weight, activations = random_layer()
    layer = quantize(weight, hessian_of(activations), Options(group_size=16, format=name, **variant))
    assert np.array_equal(layer.dequantize(), weights_by_definition(layer))


@pytest.mark.parametrize("variant", VARIANTS, ids=spelled_out)
def test_nearest_rounding_picks_the_nearest_value_of_the_stored_fp16_grid(variant):
    weight, activations = random_layer(inputs=256, outputs=64)    # large enough that unrounded scales would show
    layer = quantize(weight, hessian_of(activations), Options(group_size=32, method="rtn", **variant))
    nearest = np.abs(values_of_each_row(layer) - weight[:, :, None]).min(axis=2)
    assert np.allclose(np.abs(layer.dequantize() - weight), nearest, rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS, ids=spelled_out)
def test_gptq_follows_from_eliminating_one_row_after_another(variant):
    """The definition without blocks and without Cholesky: the inverse Hessian of the rows left, inverted anew."""
    weight, activations = random_layer(inputs=32, outputs=16)
    options = Options(group_size=8, damp=0.02, **variant)
    hessian = 2.0 / len(activations) * activations.T @ activations
    layer = quantize(weight, hessian, options)
    heaviness = np.diag(hessian)
    order = np.argsort(-heaviness, kind="stable") if options.act_order else np.arange(32)
    damped = (hessian + 0.02 * np.mean(heaviness) * np.eye(32))[order][:, order]
    rows, expected = weight[order].copy(), np.empty((32, 16))
    for k in range(32):
        if k % 8 == 0:    # the grid is fitted to what the rows have become, not to what they were
            scales, zero_points = grids_by_definition(rows[k:k + 8], heaviness[order][k:k + 8], options)
        expected[order[k]] = scales * (np.clip(np.rint(rows[k] / scales) + zero_points, 0, 15) - zero_points)
        inverse = np.linalg.inv(damped[k:, k:])
        rows[k + 1:] -= np.outer(inverse[1:, 0] / inverse[0, 0], rows[k] - expected[order[k]])
    assert np.array_equal(weights_by_definition(layer), expected)


@pytest.mark.parametrize("group_size", [16, 64, 128, -1])
@pytest.mark.parametrize("variant", VARIANTS, ids=spelled_out)
def test_gptq_loses_less_of_the_output_than_nearest_rounding(variant, group_size):
    weight, activations = random_layer(seed=5, inputs=256, outputs=16, tokens=600)
    gptq, nearest = (quantize(weight, hessian_of(activations), Options(group_size=group_size, method=method, **variant))
                     for method in ("gptq", "rtn"))
    assert output_error(weight, gptq, activations) < 0.8 * output_error(weight, nearest, activations)


def test_gptq_is_nearest_rounding_where_features_are_uncorrelated():
    weight, _ = random_layer()
    gptq, nearest = (quantize(weight, 3.0 * np.eye(64), Options(group_size=16, method=method))
                     for method in ("gptq", "rtn"))
    assert np.array_equal(gptq.qweight, nearest.qweight) and np.array_equal(gptq.scales, nearest.scales)


@pytest.mark.parametrize("symmetric", [True, False])
def test_clipping_takes_the_range_with_the_least_weighted_error_in_each_group_and_column(symmetric):
    weight, activations = random_layer(seed=6)
    hessian, options = hessian_of(activations), Options(group_size=16, method="rtn", symmetric=symmetric, clip=True)
    layer = quantize(weight, hessian, options)
    for group in range(4):
        rows = slice(16 * group, 16 * group + 16)
        scales, _ = grids_by_definition(weight[rows], np.diag(hessian)[rows], options)
        assert list(layer.scales[group].astype(float)) == list(scales), f"group {group}"
    assert not np.array_equal(layer.scales, quantize(weight, hessian, Options(group_size=16, method="rtn",
                                                                              symmetric=symmetric)).scales)


def test_weighted_error_is_the_relative_error_of_the_output():
    weight, activations = random_layer()
    layer = quantize(weight, hessian_of(activations), Options(group_size=16))
    assert np.isclose(quantize_layer.weighted_error(weight, layer, hessian_of(activations)),
                      output_error(weight, layer, activations) / np.linalg.norm(activations @ weight), rtol=1e-9)


def test_the_hessian_of_more_rows_than_one_part_holds_is_still_2_xtx_over_n():
    activations = np.random.default_rng(7).normal(size=(5000, 8)).astype(np.float16)
    exact = activations.astype(float)
    assert np.allclose(hessian_of(activations), 2.0 / 5000 * exact.T @ exact, rtol=1e-12)


# ---- groups ----------------------------------------------------------------------------------------------------------

def test_act_order_gives_every_group_its_rows_and_the_heaviest_rows_to_group_0():
    weight, activations = random_layer()
    heaviness = (activations**2).mean(axis=0)
    layer = quantize(weight, hessian_of(activations), Options(group_size=16, act_order=True))
    assert layer.g_idx.dtype == np.int32 and list(np.bincount(layer.g_idx)) == [16] * 4
    assert not np.array_equal(layer.g_idx, np.sort(layer.g_idx)), "a sorted g_idx would prove nothing"
    for group in range(3):
        assert heaviness[layer.g_idx == group].min() >= heaviness[layer.g_idx == group + 1].max()


def test_without_act_order_there_is_no_g_idx():
    weight, activations = random_layer()
    assert quantize(weight, hessian_of(activations), Options(group_size=16)).g_idx is None


def test_group_size_minus_1_is_one_group():
    weight, activations = random_layer()
    layer = quantize(weight, hessian_of(activations), Options(group_size=-1))
    assert layer.scales.shape == (1, 24) and layer.qzeros.shape == (1, 3) and layer.group_size == 64


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_column_of_zeros_comes_back_as_zeros_with_a_usable_scale(symmetric):
    weight, activations = random_layer()
    weight[:, 5] = 0.0
    layer = quantize(weight, hessian_of(activations), Options(group_size=16, symmetric=symmetric, clip=True))
    assert (weights_by_definition(layer)[:, 5] == 0.0).all() and (layer.scales > 0).all()


def test_weights_too_small_for_a_fp16_scale_do_not_get_scale_0():
    weight, activations = random_layer()
    layer = quantize(weight * 1e-9, hessian_of(activations), Options(group_size=16))
    assert (layer.scales > 0).all() and np.isfinite(layer.scales).all()
