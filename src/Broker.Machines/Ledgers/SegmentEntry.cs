namespace Broker.Machines.Ledgers;

/// <summary>A segment file of a queue, as the queue keeps account of it.</summary>
/// <param name="Number">The file's number.</param>
/// <param name="Length">Bytes of the file that count.</param>
/// <param name="First">Position of its first message.</param>
/// <param name="Last">Position of its last.</param>
/// <param name="Count">Messages that were written to it.</param>
/// <param name="Live">Those that are still in the queue.</param>
/// <param name="MessageBytes">Bytes of all that were written.</param>
public sealed record SegmentEntry(uint Number, long Length, ulong First, ulong Last, ulong Count, ulong Live, long MessageBytes);

/// <summary>A record of the log that brought messages in.</summary>
/// <param name="Index">Number of the record among the queue's.</param>
/// <param name="First">Position of its first message.</param>
/// <param name="Last">Position of its last.</param>
/// <param name="LogPosition">Where it is in the log; -1 before it was written.</param>
/// <param name="LogLength">Its length there, in bytes.</param>
public readonly record struct LogRun(ulong Index, ulong First, ulong Last, long LogPosition, int LogLength);
