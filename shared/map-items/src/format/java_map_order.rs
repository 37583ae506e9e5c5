//! The order in which AWS shows the columns of a row: not the file's, but the one in which a hash map of Java iterates over strings.
//!
//! Recorded for the headers `0,True,{}` (shown as `0`, `{}`, `True`) and, in AWS's documentation, for the four columns of an S3 inventory
//! (shown as `LastModifiedDate`, `Bucket`, `Size`, `Key`). Both are what a `java.util.HashMap` of the usual size does, whose behaviour Java's
//! documentation fixes: the hash of a string, its upper half mixed into the lower, taken modulo a power of two that keeps the table at most
//! three quarters full; in one bucket the order of insertion.

const CAPACITY_MIN: usize = 16;

/// Indices of `names` in that order.
pub(crate) fn java_map_order(names: &[String]) -> Vec<usize> {
    let buckets = capacity_for(names.len()) as u32;
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| bucket(&names[*index], buckets));
    order
}

fn capacity_for(count: usize) -> usize {
    let mut capacity = CAPACITY_MIN;
    while count > capacity / 4 * 3 {
        capacity *= 2;
    }
    capacity
}

fn bucket(name: &str, buckets: u32) -> u32 {
    let hash = name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], shown: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let ordered: Vec<&str> = java_map_order(&names).into_iter().map(|index| names[index].as_str()).collect();
        assert_eq!(ordered, shown);
    }

    #[test]
    fn recorded_orders() {
        check(&["0", "True", "{}"], &["0", "{}", "True"]);
        check(&["Bucket", "Key", "Size", "LastModifiedDate"], &["LastModifiedDate", "Bucket", "Size", "Key"]);
        check(&["Col1", "Col2", "Col3"], &["Col1", "Col2", "Col3"]);
    }

    #[test]
    fn a_fuller_table_is_larger() {
        // 12 one-letter names still fit 16 buckets, where `p` (112) is the first; the 13th makes 32 of them, where `a` (97) is bucket 1.
        let twelve: Vec<String> = ('f'..='q').map(String::from).collect();
        assert_eq!(twelve[java_map_order(&twelve)[0]], "p");
        let thirteen: Vec<String> = ('f'..='r').map(String::from).collect();
        assert_eq!(thirteen[java_map_order(&thirteen)[0]], "f");
    }
}
