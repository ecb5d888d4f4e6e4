"""What can go wrong in Foldin, in its own words; how it looks over HTTP is told in ``app.api.problems``."""


class FoldinError(Exception):
    """The root of every error that Foldin raises on purpose; its message says what was wrong and what to do."""


class NotFoundError(FoldinError):
    """The thing asked for does not exist."""


class InvalidInputError(FoldinError):
    """A value that came from outside cannot be accepted.

    Parameters
    ----------
    message : str
        What is wrong, for a person.
    errors : list of (str, str), optional
        For each rejected value its JSON pointer and the reason.
    """

    def __init__(self, message: str, errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []


class VersionGoneError(FoldinError):
    """A cursor names a model version that is not kept any more."""


class StoreUnavailableError(FoldinError):
    """The database did not answer, or could not take a write; nothing was acknowledged."""


class StoreBusyError(StoreUnavailableError):
    """Others are writing so much that this write did not get its turn; nothing was stored of it."""


class StoreFullError(StoreUnavailableError):
    """The database has no space for a write; nothing was stored of it."""


class StoreUnusableError(FoldinError):
    """The database cannot be used as it is: a wrong scale, a newer schema, a driver with known faults."""


class ArtifactError(FoldinError):
    """A model version's files are missing, damaged or not Foldin's."""


class SupersededError(FoldinError):
    """Another trainer has taken over, so this one may not publish."""


class TrainingFailedError(FoldinError):
    """A training could not produce a model; the message is the run's reason."""
