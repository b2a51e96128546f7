"""The live part of a prediction: buttons for options, a box for numbers, a line that says what is recorded."""

import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jpu_edu.widgets.predict import Prediction


def buttons_or_box(prediction: "Prediction") -> Any:
    """A widget that writes to `prediction.answer`; None where ipywidgets is not installed.

    Notice: an answer that cannot be read is explained on the line below, not raised.
    """
    try:
        import ipywidgets
    except ModuleNotFoundError:
        return None
    status = ipywidgets.HTML()

    def record(value: Any) -> None:
        try:
            prediction.answer = value
        except ValueError as error:
            text = str(error).removeprefix("prediction: ")
        else:
            text = f"Recorded: {prediction.say(prediction.answer)}. The reveal stands below; run on to it."
        status.value = f'<span role="status" aria-live="polite">{html.escape(text)}</span>'

    if prediction.options:
        box = ipywidgets.ToggleButtons(
            options=list(prediction.options),
            value=prediction.answer,
            style={"button_width": "4em"},
            tooltips=list(prediction.options.values()),
        )
        box.observe(lambda change: record(change["new"]), names="value")
        return ipywidgets.VBox([box, status])
    box = ipywidgets.Text(
        value="" if prediction.answer is None else prediction.say(prediction.answer),
        placeholder="4, 3, ..." if prediction.many else "a number",
        continuous_update=False,
        layout={"width": "12em"},
    )
    button = ipywidgets.Button(description="Commit", tooltip="Record this prediction")
    box.observe(lambda change: record(change["new"]), names="value")
    button.on_click(lambda _: record(box.value))
    return ipywidgets.VBox([ipywidgets.HBox([box, button]), status])
