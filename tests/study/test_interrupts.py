import os
import signal

import pytest

from study import interrupts


@pytest.fixture(autouse=True)
def pythons_own_handler():
    """Ray Tune, in an earlier test of this process, leaves its own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_for_what_must_not_be_broken_off():
    seen = []

    def press_and_go_on() -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("done")

    with pytest.raises(KeyboardInterrupt):
        press_and_go_on()
    assert seen == ["done"]


def test_what_fails_meanwhile_is_told_first():
    def press_and_fail() -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            raise ValueError("no cluster")

    with pytest.raises(ValueError, match="no cluster"):
        press_and_fail()


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interrupts.held(), interrupts.terminate_as_interrupt():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_termination_is_an_interrupt():
    def terminate() -> None:
        with interrupts.terminate_as_interrupt():
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        terminate()
