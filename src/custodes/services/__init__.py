"""The processes: recorder, keeper, discloser."""
