namespace Broker.Client;

/// <summary>A queue as it was when the broker answered.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Messages">Messages that wait.</param>
/// <param name="Consumers">Consumers subscribed.</param>
/// <param name="Leader">Where the node that leads the queue listens, <c>host:port</c>: to publish and consume there saves a hop. Empty if it is the node that answered, or not known.</param>
public sealed record QueueInfo(string Name, long Messages, long Consumers, string Leader = "");
