"""What the stub answers: a text that says what it is and what it has been sent."""

from dataclasses import dataclass
from itertools import cycle, islice

from .http.errors import PromptTooLongError
from .prompt.prompt import Prompt

_QUOTED_WORDS = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, all of it known before its first token is sent.

    Attributes:
        prompt_tokens: length of the prompt.
        tokens: the answer's words, each with the space before it.
        finish_reason: "stop", or "length" where the limit cut it.
    """

    prompt_tokens: int
    tokens: tuple[str, ...]
    finish_reason: str


def answer_to(
    prompt: Prompt, version: str, session_len: int, max_tokens: int | None, endless: bool
) -> Answer:
    """Compose the answer to a prompt.

    Args:
        prompt: what was sent.
        version: the release that the stub looks like.
        session_len: tokens that the prompt and the answer have together.
        max_tokens: the client's limit of the answer; None: what is left of the session.
        endless: go on until the limit (LMDeploy's ``ignore_eos``), by saying the same again.

    Raises:
        PromptTooLongError: the prompt fills the session.
    """
    left = session_len - prompt.tokens
    if left <= 0:
        raise PromptTooLongError(prompt.tokens, session_len)
    limit = left if max_tokens is None else min(max_tokens, left)
    words = _text(prompt, version).split()
    said = list(islice(cycle(words), limit)) if endless else words[:limit]
    tokens = tuple(f" {word}" if position else word for position, word in enumerate(said))
    return Answer(prompt.tokens, tokens, "length" if endless or len(words) > limit else "stop")


def _text(prompt: Prompt, version: str) -> str:
    text = f"[stub of LMDeploy {version}, no model behind it] The prompt has {len(prompt.words)} words"
    if prompt.tiles:
        images = "1 image" if len(prompt.tiles) == 1 else f"{len(prompt.tiles)} images"
        text += f" and {images} of {' + '.join(map(str, prompt.tiles))} tiles"
    return f"{text}. It ends: {' '.join(prompt.words[-_QUOTED_WORDS:])}"
