"""Parts of networks that more than one package builds with: the harness imports none of them. See docs/design/shared-parts.md."""
