"""Section 5.2: the features of a trained net on other data sets, Tables 4 to 7 and figure 9."""
