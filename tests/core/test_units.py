import pytest

from fairlead.core.units import Duration, Size


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1.0), ("500ms", 0.5), ("1h30m", 5400.0), ("7d", 604800.0), ("1.5m", 90.0)])
def test_duration_parse_when_well_formed(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "s", "1 s", "1x", "-1s", "1s garbage", 1, None])
def test_duration_parse_when_malformed(text: object) -> None:
    with pytest.raises(ValueError, match="allowed is a number with ms"):
        Duration.parse(text)


@pytest.mark.parametrize(("text", "size"), [("64MiB", 64 << 20), ("1.5GB", 1_500_000_000), (512, 512), ("512", 512), ("2 GiB", 2 << 30)])
def test_size_parse_when_well_formed(text: object, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "64 mib", "-1", -1, True, 1.5, None])
def test_size_parse_when_malformed(text: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        Size.parse(text)
