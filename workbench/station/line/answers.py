"""The technician as a run in a slot's process sees one: questions go out as events, answers come as
orders.
"""

from __future__ import annotations

import threading

from workbench.errors import Stopped
from workbench.station.line.protocol import Answer
from workbench.station.steps.errors import AnswerImpossible


class LineAnswers:
    """Waits for answers that another thread puts in.  One unit's; safe for threads."""

    def __init__(self, *, attended: bool = True) -> None:
        """`attended`: somebody is there to answer."""
        self._attended = attended
        self._changed = threading.Condition()
        self._answers: dict[str, str | bool] = {}
        self._stop: str | None = None

    def put(self, answer: Answer) -> None:
        """The answer to a question."""
        with self._changed:
            self._answers[answer.prompt] = answer.value
            self._changed.notify_all()

    def stop(self, reason: str) -> None:
        """The run is to end after its current step; who waits for an answer waits no longer."""
        with self._changed:
            self._stop = self._stop or reason
            self._changed.notify_all()

    def stop_asked(self) -> str | None:
        """Why the run is to end after its current step, None where it is not."""
        return self._stop

    def scan(self, prompt: str, text: str) -> str:
        """Waits for a scan; raises Stopped, AnswerImpossible."""
        return str(self._wait(prompt))

    def confirm(self, prompt: str, text: str) -> bool:
        """Waits for yes or no; raises Stopped, AnswerImpossible."""
        return self._wait(prompt) is True

    def _wait(self, prompt: str) -> str | bool:
        if not self._attended:
            raise AnswerImpossible(f"nobody is there to answer the question '{prompt}'")
        with self._changed:
            self._changed.wait_for(lambda: prompt in self._answers or self._stop is not None)
            if prompt in self._answers:
                return self._answers.pop(prompt)
            raise Stopped(f"the question was not answered: {self._stop}", cause=self._stop)
