"""IDC's network (Zhang et al., SIGGRAPH 2017); baselines/idc.py registers it. All else is CIC's: the authors have one demo."""
