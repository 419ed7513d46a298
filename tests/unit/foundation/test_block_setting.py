"""The edge of a processing block, where an installation sets it."""

import pytest

from foundation.errors import InvalidInput
from foundation.settings import read_settings


def test_blocks_lie_on_the_grid_of_the_net():
    assert read_settings(block_px=480).block_px == 480
    with pytest.raises(InvalidInput) as caught:
        read_settings(block_px=500)
    assert caught.value.code == "foundation.settings.invalid"
    assert caught.value.facts["setting"] == "LANDWARDEN_BLOCK_PX"
    assert "32" in caught.value.facts["reason"]
