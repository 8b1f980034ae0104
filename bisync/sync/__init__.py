"""One run over one sync: look at both sides, plan, carry it out, write down what both hold now."""
