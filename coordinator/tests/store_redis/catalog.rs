//! The catalog's batches over connections that break: it decides nothing before it knows what is in its log.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::catalog::{Catalog, CatalogError, CreateActivity, EncryptionConfiguration};
use baton_coordinator::cluster::CatalogShard;
use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_coordinator::store::{ShardId, ShardStore};
use tokio::sync::oneshot;

use crate::proxy::{Proxy, Way};
use crate::run;
use crate::store_support::redis_server::{RedisServer, options};

fn arn(name: &str) -> Arc<str> {
    format!("arn:aws:states:us-east-1:123456789012:activity:{name}").into()
}

async fn create(catalog: &Catalog, name: &str) -> Result<(), CatalogError> {
    let encryption = EncryptionConfiguration::default();
    catalog.execute(CreateActivity { arn: arn(name), name: name.into(), tags: Vec::new(), encryption }).await.map(drop)
}

/// The owner of the catalog, over a way that breaks, and who hears of its loss.
async fn owner(proxy: &Proxy) -> (Catalog, oneshot::Receiver<()>) {
    let patient = RedisOptions { lease: Duration::from_secs(60), patience: Duration::from_millis(700), ..options(proxy.port) };
    let store = Arc::new(RedisStore::connect(patient).await.expect("a store can be opened"));
    let catalog = Catalog::follow(store.clone()).await.expect("it can be followed");
    let (loss, lost) = oneshot::channel();
    let acquired = store.acquire(ShardId::CATALOG).await.expect("nobody has it");
    catalog.acquired(acquired, loss).await.expect("it can be read");
    (catalog, lost)
}

async fn created_in_the_end(catalog: &Catalog, name: &str) {
    let trying = async {
        while let Err(error) = create(catalog, name).await {
            assert!(matches!(error, CatalogError::Unavailable(_)), "{error}");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), trying).await.expect("the store is there again");
}

#[test]
fn a_batch_of_unknown_outcome_is_made_sure_of_before_the_next() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let (catalog, mut lost) = owner(&proxy).await;
        create(&catalog, "a").await.unwrap();

        // It is written, and nobody hears of it; or it is not written.
        for (way, name) in [(Way::CutAtAnswer, "b"), (Way::Closed, "c")] {
            proxy.set(way);
            let unknown = create(&catalog, name).await;
            assert!(matches!(unknown, Err(CatalogError::Unavailable(_))), "{unknown:?}");
            let meanwhile = create(&catalog, "meanwhile").await;
            assert!(matches!(meanwhile, Err(CatalogError::Unavailable(_))), "{meanwhile:?}");
            proxy.set(Way::Open);
            created_in_the_end(&catalog, &format!("after-{name}")).await;
        }

        assert!(lost.try_recv().is_err(), "it has never been lost");
        let other = Catalog::follow(Arc::new(server.open().await)).await.unwrap();
        for catalog in [&catalog, &other] {
            for name in ["a", "b", "c", "after-b", "after-c"] {
                assert!(catalog.activity(&arn(name)).is_some(), "{name}");
            }
            assert!(catalog.activity(&arn("meanwhile")).is_none(), "what was refused before it was decided has not happened");
        }
    });
}

#[test]
fn a_catalog_whose_log_was_set_back_is_acquired_anew() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let (catalog, lost) = owner(&proxy).await;
        create(&catalog, "a").await.unwrap();
        create(&catalog, "b").await.unwrap();
        let _: u64 = server.ask(redis::cmd("HSET").arg("baton:{s:c}:record").arg("seq").arg(1));
        let _: u64 = server.ask(redis::cmd("XTRIM").arg("baton:{s:c}:log").arg("MAXLEN").arg(0));
        assert!(matches!(create(&catalog, "c").await, Err(CatalogError::NotHere)));
        tokio::time::timeout(Duration::from_secs(5), lost).await.expect("whoever acquired it hears of it").unwrap();
    });
}
