using Broker.Protocol;

namespace Broker.Client;

/// <summary>A message that was not taken.</summary>
/// <param name="Sequence">Its number on the publisher, as in <see cref="PublishTicket"/>.</param>
/// <param name="IsReturned">It was mandatory and no queue took it; else the broker refused it.</param>
/// <param name="ErrorCode">Why.</param>
/// <param name="Reason">Why, in the broker's words.</param>
public readonly record struct PublishFailure(ulong Sequence, bool IsReturned, ErrorCode ErrorCode, string Reason);

/// <summary>A message that was handed to a <see cref="Publisher"/> and has no outcome yet.</summary>
/// <param name="Sequence">Its number: ascending on the publisher, and the same in <see cref="PublishFailure"/>.</param>
public readonly record struct PublishTicket(ulong Sequence);
