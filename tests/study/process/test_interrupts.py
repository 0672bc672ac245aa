import os
import signal

import pytest

from study.process import interrupts


@pytest.fixture(autouse=True)
def pythons_own_handlers():
    """Ray Tune, in an earlier test of this process, leaves its own; and nohup has SIGHUP ignored."""
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in own.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)]
    with interrupts.held(), interrupts.ends_as_interrupts():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)] == before


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["heard", "ignored"])
@pytest.mark.parametrize("number", ENDING)
def test_what_ends_a_job_is_an_interrupt(number, ctrl_c):
    def end() -> None:
        signal.signal(signal.SIGINT, ctrl_c)
        with interrupts.ends_as_interrupts():
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        end()


def test_it_waits_like_ctrl_c():
    def end() -> None:
        with interrupts.ends_as_interrupts(), interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            seen.append("done")

    seen = []
    with pytest.raises(KeyboardInterrupt):
        end()
    assert seen == ["done"]


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.ends_as_interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
