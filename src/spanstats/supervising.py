"""Several workers, each of which is replaced when it dies."""

from uvicorn.supervisors import Multiprocess


class Workers(Multiprocess):
    """uvicorn's, which learns at once that a worker has died.

    It asks every worker for a sign of life. A worker that is killed before it answers is waited for as long as one that
    is busy, and meanwhile no other is replaced and no signal heard: the parent holds the worker's end of the pipe open.
    """

    def keep_subprocess_alive(self) -> None:
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()
