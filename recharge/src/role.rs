//! What an operator is at the desk. What each role may do stands beside the permissions of the routes.

/// An operator's role. The later one may do all that the earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks at everything that is about money, and changes nothing.
    Viewer,
    /// Helps payers where no money moves.
    Support,
    /// Moves money.
    Finance,
    /// Decides about people, keys and settings.
    Owner,
}

impl Role {
    /// All of them, the one that may least first.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Support, Role::Finance, Role::Owner];

    /// The stored word: `viewer`, `support`, `finance` or `owner`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Support => "support",
            Role::Finance => "finance",
            Role::Owner => "owner",
        }
    }

    /// Reads the stored word; `None` if this version does not know it.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_role_is_read_as_what_it_was() {
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("Owner"), None);
    }
}
