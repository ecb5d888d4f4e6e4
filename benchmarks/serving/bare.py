"""A FastAPI endpoint that answers with the same bytes each time: ``python -m benchmarks.serving.bare PORT FILE``."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/users/{user_id}/recommendations")
async def recommend(user_id: str, n: int = 10) -> Response:  # noqa: ARG001 - parsed as the service parses them
    """Answer with what was read at the start."""
    return Response(app.state.body, media_type="application/json")


if __name__ == "__main__":
    app.state.body = Path(sys.argv[2]).read_bytes()
    options = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "warning"}
    uvicorn.run(app, port=int(sys.argv[1]), **options)  # type: ignore[arg-type]
