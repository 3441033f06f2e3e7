"""Single events: counting, waiting times, first passages, coincidences."""
