"""What an attacker finds out: lower bounds on epsilon, and attacks on synthetic rows."""
