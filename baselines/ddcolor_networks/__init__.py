"""DDColor's network and what is around it (Kang et al., ICCV 2023); baselines/ddcolor.py registers it."""
