"""A FastAPI endpoint that parses the body of a rating and answers: what single POSTs are compared with."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class _Rating(BaseModel):
    user_id: str
    item_id: str
    value: float
    timestamp: int | None = None


app = FastAPI()


@app.post("/ratings")
async def rate(rating: _Rating) -> dict[str, int]:
    """Answer as if something had happened."""
    return {"accepted": 1, "created": int(rating.value >= 0), "updated": 0, "ignored": 0}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
