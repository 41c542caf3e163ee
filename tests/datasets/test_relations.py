"""Relations that the docstring of `firms` promises, in every row."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.datasets.facts_columns import COLUMN_NAMES

ALWAYS = {*COLUMN_NAMES[: COLUMN_NAMES.index("FOUNDED1")], "DISVET1"}
BLANK_MORE_OFTEN = {"ACQYR1", "EXPORTS"}


def answered(survey, name):
    return (survey[name] == 1) | (survey[name] == 2)


def blank(survey, name):
    return survey[name] == ("" if survey[name].dtype.kind == "U" else -1)


@pytest.fixture(scope="session")
def sent(survey):
    return ~blank(survey, "AGE1")


def test_certainty_firms_have_weight_one_and_no_group(survey):
    certain = survey["RG"] == 0
    assert np.all(survey["TABWGT"][certain] == 1.0)
    assert np.all(survey["TABWGT"][~certain] > 1.0)
    assert survey["RG"].max() == 10


def test_weights_have_three_decimals(survey):
    thousandths = survey["TABWGT"] * 1000
    assert np.array_equal(np.rint(thousandths) / 1000, survey["TABWGT"])


def test_payroll_only_with_employment(survey):
    assert np.all(survey["EMPLOYMENT_NOISY"][survey["PAYROLL_NOISY"] > 0] > 0)
    assert np.all(survey["PAYROLL_NOISY"][survey["EMPLOYMENT_NOISY"] == 0] == 0)
    assert np.any(survey["EMPLOYMENT_NOISY"] == 0)


@pytest.mark.parametrize("name", ["PAYROLL_NOISY", "RECEIPTS_NOISY"])
def test_money_is_rounded_to_tens_or_two_digits(survey, name):
    amounts = survey[name]
    step = 10 ** np.maximum(np.floor(np.log10(np.maximum(amounts, 1) + 0.5)).astype(int) - 1, 1)
    assert np.all(amounts % step == 0)
    assert amounts.min() == 0


def test_money_is_skewed_and_goes_with_employment(survey):
    employment = survey["EMPLOYMENT_NOISY"]
    for name in ("PAYROLL_NOISY", "RECEIPTS_NOISY"):
        assert survey[name].mean() > 5 * np.median(survey[name])
        assert np.corrcoef(np.log1p(employment), np.log1p(survey[name]))[0, 1] > 0.7


@pytest.mark.parametrize(
    "name", [name for name in COLUMN_NAMES if name not in ALWAYS | BLANK_MORE_OFTEN]
)
def test_questionnaire_is_blank_as_a_whole(survey, sent, name):
    assert np.array_equal(~blank(survey, name), sent)


@pytest.mark.parametrize("name", sorted(ALWAYS - {"DISVET1"}))
def test_identification_is_never_blank(survey, name):
    assert not np.any(blank(survey, name))


@pytest.mark.parametrize("name", sorted(BLANK_MORE_OFTEN))
def test_two_questions_are_blank_a_little_more_often(survey, sent, name):
    extra = blank(survey, name) & sent
    assert np.all(blank(survey, name)[~sent])
    assert extra.sum() < 40  # 8.7 expected in 200,000 rows


def test_disability_is_asked_of_veterans(survey, sent):
    veteran = survey["VET1"] == 1
    assert np.all((survey["DISVET1"] == 3) == ~veteran)
    assert np.all((survey["DISVET1"] == -1) == (veteran & ~sent))


BLOCKS = {
    "ACQUIRENR1": ["FOUNDED1", "PURCHASED1", "INHERITED1", "RECEIVED1"],
    "FNCTNR1": ["PROVIDE1", "MANAGE1", "FINANCIAL1", "FNCTNABV1"],
    "SCNOTREPORTED": [n for n in COLUMN_NAMES if n[:2] == "SC" and n not in ("SCAMOUNT",)][:-1],
    "ECNOTREPORTED": [n for n in COLUMN_NAMES if n[:2] == "EC" and "ECOMM" not in n][:-1],
    "CUSTNR": ["FEDERAL", "STATELOCAL", "OTHERBUS", "INDIVIDUALS"],
    "LANGNR": list(COLUMN_NAMES[COLUMN_NAMES.index("ENGLISH") : COLUMN_NAMES.index("LANGNR")]),
    "EMPNR": ["FULLTIME", "PARTTIME", "DAYLABOR", "TEMPSTAFF", "LEASED"],
    "BENENR": ["HEALTHINS", "RETIREMENT", "PROFITSHARE", "HOLIDAYS", "BENENABV"],
    "ACTIVITYNR": ["LT40HOURS", "LT12MONTHS", "SEASONAL", "OCCASIONALLY", "ACTIVITYNABV"],
}


def test_blocks_are_complete():
    """The slices above end where they should: SECTOR is no answer, the flag is last."""
    startup = [name for name in BLOCKS["SCNOTREPORTED"] if name != "SECTOR"]
    assert len(startup) == len(BLOCKS["SCNOTREPORTED"]) == 13
    assert len(BLOCKS["ECNOTREPORTED"]) == 15
    assert len(BLOCKS["LANGNR"]) == 17


@pytest.mark.parametrize("flag", BLOCKS)
def test_an_unanswered_block_is_zero_throughout(survey, sent, flag):
    left_out = survey[flag] == 1
    assert left_out.any()
    for name in BLOCKS[flag]:
        assert np.array_equal(survey[name] == 0, left_out)
    assert np.array_equal(survey[flag] == -1, ~sent)


@pytest.mark.parametrize(
    "names",
    [
        BLOCKS["ACQUIRENR1"],
        BLOCKS["FNCTNR1"],
        BLOCKS["SCNOTREPORTED"],
        BLOCKS["ECNOTREPORTED"],
        BLOCKS["CUSTNR"],
        BLOCKS["LANGNR"],
        BLOCKS["BENENR"],
        BLOCKS["ACTIVITYNR"],
    ],
)
def test_one_of_a_block_applies(survey, names):
    told = answered(survey, names[0])
    assert np.all(np.any([survey[name][told] == 1 for name in names], axis=0))


@pytest.mark.parametrize(
    ("exclusive", "flag"),
    [
        ("FNCTNABV1", "FNCTNR1"),
        ("SCNONENEEDED", "SCNOTREPORTED"),
        ("SCDONTKNOW", "SCNOTREPORTED"),
        ("ECNOEXPAND", "ECNOTREPORTED"),
        ("ECDONTKNOW", "ECNOTREPORTED"),
        ("BENENABV", "BENENR"),
        ("ACTIVITYNABV", "ACTIVITYNR"),
    ],
)
def test_exclusive_answers_exclude(survey, exclusive, flag):
    chosen = survey[exclusive] == 1
    assert chosen.any()
    for name in BLOCKS[flag]:
        if name != exclusive:
            assert np.all(survey[name][chosen] == 2)


def test_staff_left_out_includes_contractors(survey):
    assert np.all(survey["CONTRACTORS"][survey["EMPNR"] == 1] == 0)


def test_no_amount_where_no_capital_was_needed(survey):
    assert np.array_equal(survey["SCAMOUNT"] == "A", survey["SCNONENEEDED"] == 1)
    assert np.all(survey["SCAMOUNT"][survey["SCNOTREPORTED"] == 1] == "0")


def test_online_sales_have_a_share(survey):
    assert np.array_equal(survey["ECOMMPCT"] == 9, survey["ECOMMERCE"] == 2)
    assert np.array_equal(survey["ECOMMPCT"] == 0, survey["ECOMMERCE"] == 0)


def test_franchiser_is_asked_of_franchises(survey):
    assert np.array_equal(survey["FRANCHISER50"] > 0, survey["FRANCHISE"] == 1)


REASONS = COLUMN_NAMES[COLUMN_NAMES.index("RETIRED") : COLUMN_NAMES.index("CEASENR")]


def test_reasons_are_asked_of_closed_firms(survey, sent):
    assert np.array_equal(survey["CEASENA"] == 1, survey["OPERATING"] == 1)
    explained = (survey["OPERATING"] == 2) & (survey["CEASENR"] == 2)
    for name in REASONS:
        assert np.array_equal(survey[name] > 0, explained)
    assert np.all(np.any([survey[name][explained] == 1 for name in REASONS], axis=0))
    unexplained = sent & (survey["OPERATING"] != 1) & ~explained
    assert np.array_equal(survey["CEASENR"] == 1, unexplained)


def test_nobody_acquires_before_the_establishment(survey):
    """Years of establishment and of acquisition, both as first years of their periods."""
    established = {"1": 0, "2": 1980, "3": 1990, "4": 2000, "5": 2000, "6": 2000}
    established |= {"7": 2005, "8": 2006, "9": 2007}
    acquired = {1: 0, 2: 1980, 3: 1990, 4: 2000, 5: 2005, 6: 2006, 7: 2007}
    both = np.isin(survey["ESTABLISHED"], list(established)) & np.isin(
        survey["ACQYR1"], list(acquired)
    )
    first = np.asarray([established[code] for code in survey["ESTABLISHED"][both]])
    then = np.asarray([acquired[code] for code in survey["ACQYR1"][both]])
    assert np.all(then >= first)
    assert np.any(then > first)


def test_ownership_adds_up(survey):
    share, number = survey["PCT1"], survey["NUMOWNERS"]
    assert share.min() == 0
    assert share.max() == 100
    counted = (number >= 1) & (number <= 7)
    assert np.array_equal(number[counted] == 1, share[counted] == 100)
    most = np.asarray([0, 1, 2, 3, 4, 9, 49, 10_000])
    some = counted & (share > 0)
    assert np.all(share[some] * most[number[some]] >= 99)
    assert np.all(number[counted & (share == 0)] >= 6)


def test_couples_are_families_and_families_are_several(survey):
    couple = np.isin(survey["HUSBWIFE"], (1, 2, 3))
    assert np.all(np.isin(survey["FAMILYBUS"][couple], (0, 1)))
    assert not np.any(couple & (survey["NUMOWNERS"] == 1))
    assert not np.any((survey["FAMILYBUS"] == 1) & (survey["PCT1"] == 100))


def test_size_depends_on_sector_and_state(survey):
    size = np.log1p(survey["EMPLOYMENT_NOISY"])
    by_sector = [size[survey["SECTOR"] == code].mean() for code in np.unique(survey["SECTOR"])]
    assert np.std(by_sector) > 0.3
    mining = survey["SECTOR"] == 21
    in_state = {code: mining[survey["FIPST"] == code].mean() for code in ("25", "40", "48")}
    assert in_state["25"] < in_state["48"] < in_state["40"]
