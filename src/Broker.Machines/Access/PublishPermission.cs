using Broker.Protocol;

namespace Broker.Machines.Access;

/// <summary>What a publisher may do.</summary>
public interface IPublishAccess
{
    /// <summary>Grows whenever any permission changes.</summary>
    long Version { get; }

    /// <summary>As it is now.</summary>
    UserAccess Access { get; }
}

/// <summary>Whether a publisher may publish, kept for the exchange that it has published to last: patterns are matched again when permissions change, or the exchange does.</summary>
internal sealed class PublishPermission
{
    private long _version = -1;
    private string _exchange = "";
    private FrameFault? _fault;
    private UserAccess? _topic; // null: its keys do not matter

    /// <summary>Whether something may be published to an exchange.</summary>
    public FrameFault? Check(IPublishAccess access, string exchange)
    {
        var version = access.Version; // before what it is the version of, so that a change in between is seen the next time
        if (_version != version || _exchange != exchange)
        {
            var now = access.Access;
            _fault = now.Publish(exchange);
            _topic = now.HasTopicPermissions(exchange) ? now : null;
            (_version, _exchange) = (version, exchange);
        }

        return _fault;
    }

    /// <summary>Whether it depends on the key what may be published to that exchange, if it is a topic exchange.</summary>
    public bool DependsOnKey => _topic is not null;

    /// <summary>Whether it may be done with a key.</summary>
    public FrameFault? CheckKey(string routingKey) => _topic?.PublishTopic(_exchange, routingKey);
}
