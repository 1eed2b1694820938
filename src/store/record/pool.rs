//! Pools, as they are stored.

use serde::{Deserialize, Serialize};

use super::super::upgrade;
use super::words::{OriginV1, PoolPolicyV1, name};
use super::{Kind, Refused, Stored};
use crate::model::id::{PoolId, PrinterId};
use crate::model::pool::Pool;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolV1 {
    id: u32,
    name: String,
    members: Vec<u32>,
    policy: PoolPolicyV1,
}

/// With who brought it, and whether it takes jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolV2 {
    id: u32,
    name: String,
    members: Vec<u32>,
    policy: PoolPolicyV1,
    origin: OriginV1,
    accepting: bool,
}

/// When there was but one form, nothing but the configuration brought pools.
impl From<PoolV1> for PoolV2 {
    fn from(form: PoolV1) -> Self {
        let PoolV1 { id, name, members, policy } = form;
        PoolV2 { id, name, members, policy, origin: OriginV1::File, accepting: true }
    }
}

impl Stored for Pool {
    const KIND: Kind = Kind::Pool;
    type Form = PoolV2;

    fn to_form(&self) -> PoolV2 {
        PoolV2 {
            id: self.id.0,
            name: self.name.as_str().to_owned(),
            members: self.members.iter().map(|member| member.0).collect(),
            policy: (&self.policy).into(),
            origin: (&self.origin).into(),
            accepting: self.accepting,
        }
    }

    fn from_form(form: PoolV2) -> Result<Self, String> {
        Ok(Pool {
            id: PoolId(form.id),
            name: name(&form.name)?,
            members: form.members.into_iter().map(PrinterId).collect(),
            policy: form.policy.into(),
            origin: form.origin.into(),
            accepting: form.accepting,
        })
    }

    fn older(version: u16, payload: &[u8]) -> Result<PoolV2, Refused> {
        upgrade::pool(version, payload)
    }
}
