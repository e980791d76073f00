//! One table of stored words for an enum: both directions of reading, the list of all, serde and the schema by the same words.

/// Gives an enum without data its stored words. The table of words is the only place that has them.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal,)* }) => {
        impl $type {
            /// All of them, in the order of the table.
            pub const ALL: [$type; [$($name),*].len()] = [$($type::$variant),*];

            /// The word in the database and in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }

            /// Reads the word; `None` if it is none of these.
            pub fn from_name(name: &str) -> Option<$type> {
                match name {
                    $($name => Some($type::$variant),)*
                    _ => None,
                }
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($name),*]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $type {}

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
                $type::from_name(&word).ok_or_else(|| {
                    serde::de::Error::unknown_variant(&word, &[$($name),*])
                })
            }
        }
    };
}

pub(crate) use names;
