"""What tests share: databases, worlds, oracles, stages."""
