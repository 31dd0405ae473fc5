"""SIGTERM is a request first, and ends the process when it is repeated or not answered."""

import os
import signal
import threading

import pytest

from keras_vae.checkpointing import sigterm
from keras_vae.checkpointing.sigterm import Termination


@pytest.fixture
def received():
    """Signals that come to the handler from before, of which there is always one here."""
    signals = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, before)


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def termination(received):
    termination = Termination()
    termination.listen()
    yield termination
    termination.ignore()


def test_the_first_signal_is_a_request(termination, received):
    assert termination.requested is False
    terminate()
    assert termination.requested is True
    assert received == []


def test_the_second_signal_goes_to_the_handler_from_before(termination, received):
    terminate()
    terminate()
    assert received == [signal.SIGTERM]


def test_a_request_that_is_not_answered_in_time_is_a_signal(received, monkeypatch):
    assert sigterm.GRACE == 30.0
    monkeypatch.setattr(sigterm, "GRACE", 0.01)
    termination = Termination()
    termination.listen()
    terminate()
    timer = termination._timer
    assert timer.daemon
    timer.join(10.0)
    assert received == [signal.SIGTERM]


def test_who_ignores_gets_no_signal_later(termination, received):
    terminate()
    termination.ignore()
    assert termination._timer.finished.is_set()
    terminate()
    assert received == [signal.SIGTERM]
    termination.ignore()  # A second time does nothing.
    terminate()
    assert len(received) == 2


def test_leaving_exits_with_the_status_of_a_temporary_failure(termination, received):
    with pytest.raises(SystemExit) as leaving:
        termination.leave()
    assert leaving.value.code == os.EX_TEMPFAIL
    terminate()
    assert received == [signal.SIGTERM]


def test_outside_of_the_main_thread_it_is_idle(received):
    termination = Termination()
    thread = threading.Thread(target=termination.listen)
    thread.start()
    thread.join()
    terminate()
    assert termination.requested is False
    assert received == [signal.SIGTERM]
