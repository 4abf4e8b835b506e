using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.MsQuic;

public sealed class MsQuicAddress : AddressContract<MsQuicBackend>;

public sealed class MsQuicAlpn : AlpnContract<MsQuicBackend>;

public sealed class MsQuicCancellation : CancellationContract<MsQuicBackend>;

public sealed class MsQuicChurn : ChurnContract<MsQuicBackend>;

public sealed class MsQuicClose : CloseContract<MsQuicBackend>;

public sealed class MsQuicConfiguration : ConfigurationContract<MsQuicBackend>;

public sealed class MsQuicDisposal : DisposalContract<MsQuicBackend>;

public sealed class MsQuicFlowControl : FlowControlContract<MsQuicBackend>;

public sealed class MsQuicHalfClose : HalfCloseContract<MsQuicBackend>;

public sealed class MsQuicIdleTimeout : IdleTimeoutContract<MsQuicBackend>;

public sealed class MsQuicInlineContinuations : InlineContinuationsContract<MsQuicBackend>;

public sealed class MsQuicKeyLog : KeyLogContract<MsQuicBackend>;

public sealed class MsQuicMutualTls : MutualTlsContract<MsQuicBackend>;

public sealed class MsQuicOrderedBytes : OrderedBytesContract<MsQuicBackend>;

public sealed class MsQuicPendingOperations : PendingOperationsContract<MsQuicBackend>;

public sealed class MsQuicPipe : PipeContract<MsQuicBackend>;

public sealed class MsQuicReset : ResetContract<MsQuicBackend>;

public sealed class MsQuicStatistics : StatisticsContract<MsQuicBackend>;

public sealed class MsQuicStopSending : StopSendingContract<MsQuicBackend>;

public sealed class MsQuicStreamLimit : StreamLimitContract<MsQuicBackend>;

public sealed class MsQuicUpdateTls : UpdateTlsContract<MsQuicBackend>;
