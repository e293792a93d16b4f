"""What people are told when there is no answer, or not yet."""

FAILED = (
    "Sorry, something went wrong and I could not answer your message. "
    "It was set aside for the people who run this bot."
)
AWAY = "I cannot answer right now, but I have your message and keep trying."
GAVE_UP = "Sorry, I could not answer your message in time. Please send it again later."
BUSY = "Many people are writing to me right now. Your message waits its turn, and I will answer."
STOPPED = "Stopped."
NOTHING_RUNS = "Nothing is running."
