# Makes the trees of tests/oracles/golden: data that this script generates, and the leaf in which
# rpart puts each row. The tests read only what is recorded here; R is not needed to run them.
#
#   Rscript tests/oracles/make_rpart_golden.R tests/oracles/golden
#
# Columns: y (number, or class from 0), w (weight), o_* (ordered), u_* (unordered, codes from 0),
# leaf (number of rpart's node). Settings and results of each tree are in trees.csv.

library(rpart)
folder <- commandArgs(trailingOnly = TRUE)[1]
dir.create(folder, showWarnings = FALSE)
set.seed(20071)
trees <- NULL

grow <- function(name, data, method, minbucket, cp, maxdepth = 30, weighted = FALSE) {
  predictors <- grep("^[ou]_", names(data), value = TRUE)
  used <- data
  for (p in grep("^u_", predictors, value = TRUE)) used[[p]] <- factor(used[[p]])
  if (method == "class") used$y <- factor(used$y)
  control <- rpart.control(
    minbucket = minbucket, cp = cp, maxdepth = maxdepth, xval = 0, maxcompete = 0,
    maxsurrogate = 0
  )
  weight <- if (weighted) used$w else rep(1, nrow(used))
  environment(control) <- NULL
  form <- as.formula(paste("y ~", paste(predictors, collapse = " + ")))
  fit <- do.call(
    rpart,
    list(form, data = used, weights = weight, method = method, control = control)
  )
  data$leaf <- as.integer(rownames(fit$frame))[fit$where]
  leaves <- fit$frame$var == "<leaf>"
  trees <<- rbind(trees, data.frame(
    name = name, method = method, minbucket = minbucket, cp = cp, maxdepth = maxdepth,
    weighted = weighted, n = nrow(data), n_leaves = sum(leaves),
    root_deviance = fit$frame$dev[1], deviance = sum(fit$frame$dev[leaves])
  ))
  write.csv(data, file.path(folder, paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
}

levels_of <- function(n, k) sample(0:(k - 1), n, replace = TRUE, prob = (k:1)^0.5)
predictors_of <- function(n, ordered, unordered) {
  columns <- list()
  for (k in ordered) columns[[paste0("o_", k)]] <- sample(0:(k - 1), n, replace = TRUE)
  for (k in unordered) columns[[paste0("u_", k)]] <- levels_of(n, k)
  as.data.frame(columns)
}
signal_of <- function(x) {
  total <- 0
  for (p in names(x)) {
    effect <- rnorm(max(x[[p]]) + 1)
    if (startsWith(p, "o_")) effect <- sort(effect)
    total <- total + effect[x[[p]] + 1]
  }
  total
}
number <- function(x) signif(signal_of(x) + rnorm(nrow(x)), 7)
class_of <- function(x, k) {
  latent <- signal_of(x) + rnorm(nrow(x))
  as.integer(cut(latent, quantile(latent, (0:k) / k), include.lowest = TRUE)) - 1L
}
nominal_of <- function(x, k) {
  scores <- sapply(seq_len(k), function(i) signal_of(x) + rnorm(nrow(x)))
  max.col(scores) - 1L
}
table_of <- function(x, y) {
  data.frame(y = y, w = signif(rgamma(nrow(x), 2) + 0.05, 6), x)
}

x <- predictors_of(300, c(5, 30), c(3, 12))
grow("anova_mixed", table_of(x, number(x)), "anova", 5, 1e-8)
x <- predictors_of(400, c(300, 8), c(70))
grow("anova_wide", table_of(x, number(x)), "anova", 7, 0.005)
x <- predictors_of(300, c(9, 50), c(4, 6))
grow("anova_weights", table_of(x, number(x)), "anova", 5, 1e-8, weighted = TRUE)
x <- predictors_of(300, c(20, 40), c(10))
grow("anova_shallow", table_of(x, number(x)), "anova", 10, 0, maxdepth = 3)
x <- predictors_of(300, c(6, 25), c(4, 8))
grow("class2_mixed", table_of(x, class_of(x, 2)), "class", 5, 1e-8)
x <- predictors_of(300, c(40, 100), c(5, 66))
grow("class2_cp", table_of(x, class_of(x, 2)), "class", 3, 0.02)
x <- predictors_of(300, c(12, 60), c(3, 9))
grow("class2_weights", table_of(x, class_of(x, 2)), "class", 5, 1e-8, weighted = TRUE)
x <- predictors_of(400, c(7, 30, 200), c(4))
grow("class5_exact", table_of(x, class_of(x, 5)), "class", 5, 1e-8, weighted = TRUE)
x <- predictors_of(400, c(8), c(6, 9))
grow("class5_subsets", table_of(x, nominal_of(x, 5)), "class", 8, 0.002)
x <- predictors_of(400, c(15, 45), c(2))
grow("class5_shallow", table_of(x, class_of(x, 5)), "class", 20, 0.01, maxdepth = 4)

write.csv(trees, file.path(folder, "trees.csv"), row.names = FALSE, quote = FALSE)
writeLines(
  paste("rpart", packageVersion("rpart"), "on", R.version.string),
  file.path(folder, "made_with.txt")
)
