namespace Broker.Storage.Disks;

/// <summary>
/// The process that used this <see cref="MemoryDisk"/> is dead; <see cref="MemoryDisk.Crash"/> has what the next one finds. It is no <see cref="DiskException"/>,
/// because nothing that handles a disk's errors may handle its own death.
/// </summary>
public sealed class DiskCrashedException() : Exception("the disk has crashed: what runs on it is dead and must not do anything any more");
