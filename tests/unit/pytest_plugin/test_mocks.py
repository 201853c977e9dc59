"""The records of mocks are restored before each replay."""

import gc
from unittest import mock

from leakcheck.pytest_plugin.mocks import MockCalls


def test_calls_recorded_before_stay_and_those_of_a_replay_are_removed() -> None:
    # GIVEN a mock that has been called
    mocked = mock.Mock()
    mocked.send("before")
    mock_calls = MockCalls()
    assert mock_calls
    # WHEN it is called in the first replay and in the next ones, and reset in between
    mocked.send("first")
    mock_calls.first_replay_ended()
    for replay in range(3):
        assert mocked.mock_calls == [mock.call.send("before")]
        assert mocked.send.call_count == 1
        mocked.send(replay)
        if replay == 1:
            mocked.reset_mock()
            mocked.send("anew")
        mock_calls.restore()
    # THEN it has the calls from before
    mocked.send.assert_called_once_with("before")
    assert mocked.send.call_args == mock.call("before")
    # AND those of the first replay too, if that counts as the run of the test
    mock_calls.restore_first_replay()
    assert mocked.mock_calls == [mock.call.send("before"), mock.call.send("first")]
    assert mocked.send.call_count == 2


def test_a_child_mock_made_by_a_later_replay_is_blank_for_the_next_one() -> None:
    mocked = mock.MagicMock()
    mock_calls = MockCalls()
    mock_calls.first_replay_ended()
    for _ in range(3):
        mocked.open("file").read()
        mocked.open.assert_called_once_with("file")
        mocked.open.return_value.read.assert_called_once_with()
        mock_calls.restore()
    assert mocked.mock_calls == []
    assert mocked.open.return_value.mock_calls == []


def test_a_hundred_of_ever_new_child_mocks_are_kept() -> None:
    mocked = mock.Mock()
    mock_calls = MockCalls()
    mock_calls.first_replay_ended()
    for number in range(200):
        getattr(mocked, f"call_{number}")
        mock_calls.restore()
    kept = [name for name in vars(mocked)["_mock_children"] if name.startswith("call_")]
    assert kept == [f"call_{number}" for number in range(100)]


def test_the_record_of_a_return_value_ends_when_the_next_replay_replaces_it() -> None:
    class Answer(mock.MagicMock):
        """A mock of a class of its own, so that its instances can be counted."""

    mocked = mock.Mock()
    mock_calls = MockCalls()
    mocked.return_value = Answer()
    mock_calls.first_replay_ended()
    for _ in range(20):
        mocked.return_value = Answer()
        mocked().read().close()
        mocked.return_value.read.assert_called_once_with()
        mock_calls.restore()
    gc.collect()
    # those of the first replay and of the last one
    assert (
        sum(
            issubclass(type(candidate), Answer) and "read" in vars(candidate)["_mock_children"]  # asks no proxy
            for candidate in gc.get_objects()
        )
        == 1
    )


def test_mocks_that_return_each_other_are_visited_once() -> None:
    query = mock.MagicMock()
    mock_calls = MockCalls()
    mock_calls.first_replay_ended()
    for _ in range(3):
        late = mock.MagicMock()
        query.all.return_value, query.filter.return_value, late.all.return_value = query, late, query
        late.filter.return_value = late
        query.all().filter(1).filter(2).all()
        query.filter.assert_called_once_with(1)
        late.filter.assert_called_once_with(2)
        mock_calls.restore()
    assert query.mock_calls == []
