"""A figure reaches the notebook as a picture with its words, or not at all."""

import base64
import re

import matplotlib.pyplot as plt
import pytest

from jpu_edu.draw import show as module

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """What was handed to the notebook."""
    calls = []

    def display(data, *, raw):
        assert raw
        calls.append(data)

    monkeypatch.setattr(module, "display", display)
    return calls


def pixels(data: dict) -> bytes:
    """The picture inside the HTML."""
    return base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', data["text/html"])[1])


def test_the_words_travel_as_text_and_as_alternative_text(shown):
    figure, _ = plt.subplots(figsize=(5, 1))
    module.show(figure, alt='Phase 0 is "blue" & first.')
    assert shown[0]["text/plain"] == 'Phase 0 is "blue" & first.'
    assert 'alt="Phase 0 is &quot;blue&quot; &amp; first." width="480"' in shown[0]["text/html"]
    assert pixels(shown[0]).startswith(PNG)


def test_the_figure_is_closed_so_that_it_appears_once(shown):
    figure, _ = plt.subplots()
    module.show(figure, alt="A line.")
    assert figure.number not in plt.get_fignums()


def test_the_picture_is_sharper_than_the_screen(shown):
    figure, _ = plt.subplots(figsize=(5, 1))
    module.show(figure, alt="A line.")
    assert int.from_bytes(pixels(shown[0])[16:20]) >= 1.5 * 480


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_words_is_refused(shown, alt):
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt is empty"):
        module.show(figure, alt=alt)
    plt.close(figure)
    assert not shown
