"""Every setting of Foldin, read from the environment once, in an entry point, and passed down from there."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SHORTEST_KEY = 32

Method = Literal["weighted", "observed", "gradient", "svd", "content", "popularity"]


class Settings(BaseSettings):
    """The environment variables that Foldin reads; each name has the prefix ``FOLDIN_``."""

    model_config = SettingsConfigDict(env_prefix="FOLDIN_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("foldin-data"), description="Where the SQLite file and the model versions lie.")
    models_dir: Path = Field(
        default_factory=lambda given: given["data_dir"] / "models",
        description="Where model versions lie on this machine; by default `models` in `DATA_DIR`.",
    )
    database_url: str = Field(
        "",
        description="`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`; by default a file in `DATA_DIR`.",
    )

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on.")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys that may call the service, separated by commas: `read:KEY`, `write:KEY`, `admin:KEY`.",
    )
    api_keys_file: Path | None = Field(
        None, description="A file with one such key a line, instead of `FOLDIN_API_KEYS`."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies whose `X-Forwarded-For` says who asks, separated by commas.",
    )
    log_format: Literal["json", "console"] = Field(
        "console", description="`console`: lines for people; `json`: one JSON object a line."
    )

    read_deadline: float = Field(
        0.25, gt=0, description="Seconds to wait for a user's ratings before the answer is given without them."
    )
    silence_deadline: float = Field(
        0.5, gt=0, description="Seconds that PostgreSQL may answer nothing before writes are refused until it does."
    )

    drain_delay: float = Field(
        1.0,
        ge=0,
        description="Seconds without a request that end a process after SIGTERM, or five times as many with requests.",
    )

    rating_min: float = Field(0.0, description="The lowest rating that exists; it is the target 0.")
    rating_max: float = Field(5.0, description="The highest rating that exists; it is the target 1.")

    method: Method = Field("weighted", description="The method that the worker trains.")
    solver: Literal["least_squares", "gradient_descent"] = Field(
        "least_squares", description="How the observed-only loss is minimized."
    )
    n_factors: int | None = Field(None, ge=1, le=4096, description="Length of the user and item vectors.")
    unobserved_weight: float | None = Field(
        None, ge=0, le=1, description="w0: what an unobserved pair weighs in the loss, where an observed one weighs 1."
    )
    regularization: float | None = Field(
        None, ge=0, description="λ: how strongly vectors are pulled towards their mean."
    )
    regularization_exponent: float | None = Field(
        None, ge=0, le=1, description="ν: how much of λ grows with the number of a row's ratings."
    )
    recency: float | None = Field(
        None, ge=0, le=1, description="ρ: how much less a user's oldest ratings weigh than the newest."
    )
    n_epochs: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Passes over the ratings when a model is tried out; its refit on all takes half as many.",
    )
    seed: int = Field(0, ge=0, description="Where the random start of a training comes from.")
    n_threads: int | None = Field(None, ge=1, le=1024, description="Threads of a training; by default one a processor.")

    keep_versions: int = Field(3, ge=1, description="How many model versions are kept, the active one included.")
    cursor_seconds: float = Field(
        600.0, ge=0, description="How long a version stays after another replaced it, for the cursors that name it."
    )
    train_interval: float = Field(
        3600.0, gt=0, description="Seconds after which the worker trains when ratings changed."
    )
    train_after_ratings: int = Field(
        1000,
        ge=1,
        description="Number of changed ratings after which the worker trains without waiting for the interval.",
    )
    train_deadline: float = Field(21_600.0, gt=0, description="Seconds after which the worker gives a training up.")
    train_memory_mib: int | None = Field(
        None, ge=1, description="Memory that a training may take, in MiB; by default three quarters of what there is."
    )

    heartbeat_file: Path | None = Field(
        None, description="A file that the worker touches every few seconds, for whoever watches whether it lives."
    )

    @model_validator(mode="before")
    @classmethod
    def _pass_over_service_links(cls, values: dict[str, object]) -> dict[str, object]:
        # Kubernetes tells every pod where a Service is that is called foldin: FOLDIN_PORT=tcp://10.0.0.1:80
        if "://" in str(values.get("port", "")):
            del values["port"]
        return values

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("api_keys", "trusted_proxies"):
            given = values.get(name)
            if isinstance(given, str):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
        return values

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_network(proxy)  # says what is wrong, such as bits beyond the mask
        return proxies

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        if not self.rating_min < self.rating_max:
            raise ValueError(
                f"FOLDIN_RATING_MIN ({self.rating_min}) must be below FOLDIN_RATING_MAX ({self.rating_max})"
            )
        return self

    @property
    def store_url(self) -> str:
        """The database's address: ``database_url``, or the SQLite file in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'foldin.db'}"

    @property
    def kept_ratings_dir(self) -> Path:
        """Where the ratings of the last training lie, on the machine that trained."""
        return self.data_dir / "kept-ratings"

    @property
    def rating_scale(self) -> tuple[float, float]:
        """The lowest and the highest rating."""
        return self.rating_min, self.rating_max

    def read_api_keys(self) -> list[tuple[str, str]]:
        """Read the API keys from the environment or their file.

        Returns
        -------
        list of (str, str)
            Scope (``read``, ``write`` or ``admin``) and key; none for a service that is open on loopback only.

        Raises
        ------
        ValueError
            If a key is too short, or the file cannot be read.
        """
        lines = [key.get_secret_value() for key in self.api_keys]
        if self.api_keys_file is not None:
            try:
                lines += self.api_keys_file.read_text().split()
            except OSError as error:
                raise ValueError(f"FOLDIN_API_KEYS_FILE cannot be read: {error.strerror}") from error
        keys = []
        for line in lines:
            scope, separator, key = line.partition(":")
            scope, key = (scope, key) if separator and scope in {"read", "write", "admin"} else ("admin", line)
            if len(key) < SHORTEST_KEY:
                raise ValueError(f"an API key has {len(key)} characters; use at least {SHORTEST_KEY} random ones")
            keys.append((scope, key))
        return keys
