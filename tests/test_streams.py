"""Random streams: which Philox counter and key a name stands for, and that names do not overlap."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.streams import Purpose, StreamKey, random_bits, uniform

KEY = StreamKey(7, replicate=1, stratum=2, step=3, purpose=Purpose.DONOR)


def test_known_answer_of_random123():
    """`kat_vectors`, philox4x32 10: the digits of pi as counter and key.

    Counter words, low first: row low, row high, stream low, stream high; the stream word is
    replicate 16 | stratum 24 | step 16 | purpose 8 bits. Key words: seed low, seed high.
    """
    key = StreamKey(
        0x299F31D0_A4093822,
        replicate=0x0370,
        stratum=0x734413,
        step=0x198A,
        purpose=0x2E,  # no purpose that there is: any 8 bits will do
    )
    assert key.stream == 0x03707344_13198A2E
    found = random_bits(key, 0x85A308D3_243F6A88, 1)
    assert found.tolist() == [[0x94FDCCEB_D16CFE09, 0x24126EA1_5001E420]]


def test_a_row_has_its_numbers_whatever_was_asked_before():
    whole = random_bits(KEY, 0, 100)
    np.testing.assert_array_equal(random_bits(KEY, 40, 60), whole[40:])
    assert len(np.unique(whole)) == 200


def test_uniform_numbers_are_the_upper_53_bits():
    bits = random_bits(KEY, 5, 1000).astype(object)
    expected = [[int(bit) // 2**11 / 2**53 for bit in row] for row in bits]
    assert uniform(KEY, 5, 1000).tolist() == expected


@pytest.mark.parametrize(
    ("name", "bits"), [("seed", 64), ("replicate", 16), ("stratum", 24), ("step", 16)]
)
def test_numbers_that_do_not_fit_their_bits(name, bits):
    given = {"seed": 0, name: (1 << bits) - 1}
    assert getattr(StreamKey(**given), name) == (1 << bits) - 1
    for number in (-1, 1 << bits):
        with pytest.raises(ValueError, match=rf"{name} must be in \[0, 2\^{bits}\), got {number}"):
            StreamKey(**{**given, name: number})


def test_neighbouring_streams():
    near = [
        KEY.at(replicate=0),
        KEY.at(stratum=0),
        KEY.at(step=0),
        KEY.at(purpose=Purpose.START),
    ]
    assert [key.stream for key in near] == [
        0x0000_000002_0003_02,
        0x0001_000000_0003_02,
        0x0001_000002_0000_02,
        0x0001_000002_0003_00,
    ]
    assert KEY.at() == KEY
    assert {key.seed for key in near} == {7}
