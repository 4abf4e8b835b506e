namespace Broker.Client;

/// <summary>A queue as it was when the broker answered.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Messages">Messages that wait.</param>
/// <param name="Consumers">Consumers subscribed.</param>
public sealed record QueueInfo(string Name, long Messages, long Consumers);
