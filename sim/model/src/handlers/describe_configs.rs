//! DescribeConfigs: the settings of topics and brokers, and where their values come from.

use linger_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use linger_protocol::{ErrorCode, Str};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::cx::Cx;
use crate::settings::{
    BrokerSetting, FROM_DEFAULT, SettingValue, TOPIC_SETTINGS, TopicSetting, broker_settings,
    settings_of_all_brokers, topic_values,
};
use crate::topic_name;

/// Types of resources. Kafka has others, which are refused here: loggers, metrics of clients,
/// groups.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Why a resource is not described: a code, and the reason in words if Kafka gives one.
type Refusal = (ErrorCode, Str);

pub(crate) struct DescribeConfigs;

impl Handler for DescribeConfigs {
    type Request = DescribeConfigsRequest;
    type Response = DescribeConfigsResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: DescribeConfigsRequest) -> Outcome<Self> {
        let unknown = |resource: &&DescribeConfigsResource| !matches!(resource.resource_type, TOPIC | BROKER);
        if let Some(unknown) = request.resources.iter().find(unknown) {
            let why = format!("there are no settings of resource type {}", unknown.resource_type);
            return Outcome::Answer(refuse_all(request, ErrorCode::INVALID_REQUEST, &why.into()));
        }
        let results = request
            .resources
            .iter()
            .map(|resource| describe(cx, resource, &request));
        Outcome::Answer(DescribeConfigsResponse {
            results: results.collect(),
            ..DescribeConfigsResponse::default()
        })
    }

    fn refuse(request: DescribeConfigsRequest, code: ErrorCode) -> Answer<DescribeConfigsResponse> {
        Answer::Response(refuse_all(request, code, &code.to_string().into()))
    }

    fn overwrite(response: &mut DescribeConfigsResponse, code: ErrorCode) {
        for result in &mut response.results {
            result.error_code = code;
            result.configs.clear();
        }
    }

    fn throttle_time_ms(response: &mut DescribeConfigsResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

fn refuse_all(request: DescribeConfigsRequest, code: ErrorCode, why: &Str) -> DescribeConfigsResponse {
    let refused = |resource: DescribeConfigsResource| refused(&resource, (code, why.clone()));
    DescribeConfigsResponse {
        results: request.resources.into_iter().map(refused).collect(),
        ..DescribeConfigsResponse::default()
    }
}

fn refused(
    resource: &DescribeConfigsResource,
    (error_code, error_message): Refusal,
) -> DescribeConfigsResult {
    DescribeConfigsResult {
        error_code,
        error_message: Some(error_message),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        configs: Vec::new(),
    }
}

fn describe(
    cx: &Cx<'_>,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResult {
    let configs = match resource.resource_type {
        TOPIC => describe_topic(cx, &resource.resource_name, request),
        _ => describe_broker(cx, &resource.resource_name, request),
    };
    let mut configs = match configs {
        Ok(configs) => configs,
        Err(refusal) => return refused(resource, refusal),
    };
    // No name at all asks for every setting, as null does.
    if let Some(names) = resource
        .configuration_keys
        .as_ref()
        .filter(|names| !names.is_empty())
    {
        configs.retain(|config| names.contains(&config.name));
    }
    DescribeConfigsResult {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        configs,
        ..DescribeConfigsResult::default()
    }
}

fn describe_topic(
    cx: &Cx<'_>,
    name: &str,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    topic_name::validate(name).map_err(|why| {
        (
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            format!("topic name is invalid: {why}").into(),
        )
    })?;
    let topic = cx
        .topics
        .by_name(name)
        .ok_or_else(|| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Str::default()))?;
    let described = |setting: &TopicSetting| {
        let values = topic_values(setting, &topic.configs, cx.config);
        let default = values.is_empty().then(|| setting.default.into());
        DescribeConfigsResourceResult {
            config_type: setting.rule.config_type(),
            ..described(setting.name, values, default, setting.text, request)
        }
    };
    Ok(TOPIC_SETTINGS.iter().map(described).collect())
}

fn describe_broker(
    cx: &Cx<'_>,
    name: &str,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let settings = match name.parse::<i32>() {
        Ok(broker) if broker == cx.request.broker => broker_settings(broker, cx.config),
        _ if name.is_empty() => settings_of_all_brokers(cx.config),
        _ => {
            let why = format!("this is broker {}, not broker {name:?}", cx.request.broker);
            return Err((ErrorCode::INVALID_REQUEST, why.into()));
        }
    };
    let described = |setting: BrokerSetting| DescribeConfigsResourceResult {
        config_type: setting.config_type,
        read_only: setting.read_only,
        ..described(setting.name, setting.values, None, &setting.text, request)
    };
    Ok(settings.into_iter().map(described).collect())
}

/// A setting with its values. `default` is the value in force where no place has one.
fn described(
    name: &str,
    values: Vec<SettingValue>,
    default: Option<Str>,
    text: &str,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResourceResult {
    let in_force = values
        .first()
        .map(|value| (Some(value.value.clone()), value.source));
    let (value, config_source) = in_force.unwrap_or((default, FROM_DEFAULT));
    let synonyms = values.into_iter().filter(|_| request.include_synonyms);
    let synonyms = synonyms.map(|value| DescribeConfigsSynonym {
        name: value.name.into(),
        value: Some(value.value),
        source: value.source,
    });
    DescribeConfigsResourceResult {
        name: name.into(),
        value,
        config_source,
        synonyms: synonyms.collect(),
        documentation: request.include_documentation.then(|| text.into()),
        ..DescribeConfigsResourceResult::default()
    }
}
