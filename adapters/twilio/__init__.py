"""WhatsApp and SMS, by Twilio."""
