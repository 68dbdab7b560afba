"""Settings of the console."""

from pydantic import BaseModel, Field


class ConsoleSettings(BaseModel):
    """Pages for people."""

    max_streams: int = Field(default=1000, ge=1)
    """Pages kept live at once by one process; further ones are told to try again, and work without."""
    max_streams_each: int = Field(default=24, ge=1)
    """Of these so many for one person: nobody takes everybody's."""
    stream_minutes: float = Field(default=10, gt=0)
    """How long one stream lasts: the browser comes again by itself, and its session is looked at anew."""
    stream_pause_seconds: float = Field(default=0.3, gt=0)
    """News of this span go out together, so that a storm costs a page few requests."""
    page_rows: int = Field(default=25, ge=1, le=200)
    """Rows of a list."""
    verify_rows: int = Field(default=200_000, ge=1)
    """A tenant's audit chain up to this length is verified while the page is made; of longer ones its end is."""
