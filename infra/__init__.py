"""What the app needs in Azure (Bicep), and the checks that prove what can be proven without Azure."""
