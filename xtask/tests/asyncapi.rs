//! AsyncAPI's document of the topics, read by AsyncAPI's own parser, with the schemas that it refers to. That it is what the code says is
//! checked in `schema/contracts/`, without npm.

use std::fs;
use std::path::Path;

use serde_json::Value;
use xtask::contracts::{asyncapi_document, check_asyncapi};

#[test]
fn the_document_is_valid() {
    let document: Value = serde_json::from_str(&fs::read_to_string(asyncapi_document()).unwrap()).unwrap();
    let messages = document["components"]["messages"].as_object().unwrap().len();
    assert_eq!(check_asyncapi(&asyncapi_document()).unwrap(), messages);
}

/// That the parser sees what it should, and follows references. (It does not hold examples against schemas: `schema/contracts/` does.)
#[test]
fn a_wrong_document_is_refused_by_name() {
    let folder = xtask::state_dir::temporary_folder("asyncapi").unwrap();
    let contracts = asyncapi_document().parent().unwrap().to_owned();
    for topic in ["orders", "orders.outcomes"] {
        fs::create_dir(folder.path().join(topic)).unwrap();
        for file in fs::read_dir(contracts.join(topic)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.path().join(topic).join(file.file_name())).unwrap();
        }
    }
    let document: Value = serde_json::from_str(&fs::read_to_string(asyncapi_document()).unwrap()).unwrap();
    let refused = |change: fn(&mut Value), words: &str| {
        let mut changed = document.clone();
        change(&mut changed);
        let path: &Path = &folder.path().join("asyncapi.json");
        fs::write(path, changed.to_string()).unwrap();
        let error = format!("{:#}", check_asyncapi(path).unwrap_err());
        assert!(error.contains(words), "{words}: {error}");
    };
    refused(
        |document| {
            document["components"]["messages"]["OrderPlacedV3"]["payload"]["$ref"] =
                "./orders/order_eaten.v3.json".into();
        },
        "order_eaten",
    );
    refused(|document| document["operations"]["foldLog"]["action"] = "eat".into(), "foldLog");
}
