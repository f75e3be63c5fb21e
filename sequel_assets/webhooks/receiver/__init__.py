"""The web app that receives webhooks: it verifies and stores deliveries. It neither asks Sequel nor refreshes."""
