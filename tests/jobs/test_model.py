"""Lines of input become commands, or are refused with the key and the problem."""

import pytest

from fairlead.jobs.model import Command, InputError, parse


def test_only_argv_is_needed_and_the_line_number_is_the_id() -> None:
    assert parse(b'{"argv": ["true"]}', 7) == Command(["true"], id=7, priority=4)
    assert parse(b'{"argv": ["true"], "id": "a", "timeout_s": 2}', 7) == Command(["true"], id="a", timeout_s=2.0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{}", "Object missing required field `argv`"),
        (b"nothing", "is no JSON object: "),
        (b'{"argv": []}', "argv: Expected `array` of length >= 1"),
        (b'{"argv": "ls"}', "argv: Expected `array`, got `str`"),
        (b'{"argv": ["ls"], "priority": 8}', "priority: Expected `int` <= 7"),
        (b'{"argv": ["ls"], "priority": "4"}', "priority: Expected `int`, got `str`"),
        (b'{"argv": ["ls"], "timeout_s": 0}', "timeout_s: "),
        (b'{"argv": ["ls"], "retries": -1}', "retries: "),
        (b'{"argv": ["ls"], "timeout": 3}', "Object contains unknown field `timeout`"),
        (b'{"argv": ["ls", "a\\u0000b"]}', "argv: holds a NUL"),
        (b'{"argv": [""]}', "argv: the first word is empty"),
        (b'{"argv": ["ls"], "env": {"A=B": "c"}}', "env: "),
        (b'{"argv": ["ls"], "id": "a\\nb"}', "id: holds a control character"),
    ],
)
def test_a_line_that_is_no_job_is_refused_with_its_key(line: bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(line, 1)
    assert str(caught.value).startswith(told)


def test_values_of_the_environment_are_in_no_message() -> None:
    for line in (b'{"argv": ["ls"], "env": {"KEY": 12345}}', b'{"argv": ["ls"], "env": {"": "s3cret"}}', b'{"env": {"KEY": "s3cret"}'):
        with pytest.raises(InputError) as caught:
            parse(line, 1)
        assert "s3cret" not in str(caught.value)
        assert "12345" not in str(caught.value)


def test_a_digest_changes_with_what_is_run_and_not_with_when() -> None:
    one = Command(["ls"], id=1)
    assert one.digest() == Command(["ls"], id=2, priority=0, timeout_s=3, retries=2).digest()
    assert len({other.digest() for other in (one, Command(["ls", "-l"]), Command(["ls"], cwd="/"), Command(["ls"], env={"A": "b"}))}) == 4
