"""The seven parts of a battery passport by IDTA 02035, version 1.0.1 where there is one, as tables of their elements.

What each element is called, what its meaning is (semanticId) and of which type it is: facts of the published templates,
with what the aspects of exchange/aspects call it where that differs. Two things are of elsewhere: AddressInformation is
filled by the template for contacts (IDTA 02002-1-0), which part 1 refers to, and CycleLifeReferenceTest is of part 4,
1.0.0, because 1.0.1 asks for the reference test (DIN DKE SPEC 99100 6.7.6.5) and has no place for it.
"""

from __future__ import annotations

from packseal.exchange.aas.structure import Part, collection, file, listed, multilingual, prop

_SAMM = "urn:samm:io.admin-shell.idta"
NAMEPLATE = f"{_SAMM}.batterypass.digital_nameplate:1.0.0#"
TECHNICAL = f"{_SAMM}.batterypass.technical_data:1.0.0#"
TECHNICAL_1 = f"{_SAMM}.batterypass.technical_data:1.0.1#"
CONDITION = f"{_SAMM}.batterypass.product_condition:1.0.1#"
MATERIALS = f"{_SAMM}.batterypass.material_composition:1.0.1#"
CIRCULARITY = f"{_SAMM}.batterypass.circularity:1.0.0#"
FOOTPRINT = "https://admin-shell.io/idta/CarbonFootprint/"
FOOTPRINT_OF_BATTERIES = f"{_SAMM}.batterypass.carbon_footprint:1.0.0#"
CONTACT = f"{_SAMM}.contact_information:1.0.0#"
DOCUMENT = prop("DocumentIdentifier", f"{_SAMM}.handover_documentation:2.0.0#DocumentIdentifier")
LAST_UPDATE = prop("LastUpdate", f"{CONDITION}lastUpdate", "dateTime")

NAMEPLATE_PART = Part(
    "BatteryNameplate",
    "https://admin-shell.io/idta/digitalbatterypassport/nameplate/1/0/Nameplate",
    "https://admin-shell.io/idta-02035-1",
    (
        prop("URIOfTheProduct", "0112/2///61987#ABN590#002", "anyURI"),
        multilingual("ManufacturerName", "0112/2///61987#ABA565#009"),
        collection(
            "AddressInformation",
            "https://admin-shell.io/zvei/nameplate/1/0/ContactInformations/AddressInformation",
            multilingual("Street", "0173-1#02-AAO128#002"),
            multilingual("Zipcode", "0173-1#02-AAO129#002", name="ZipCode"),
            multilingual("CityTown", "0173-1#02-AAO132#002"),
            multilingual("NationalCode", "0173-1#02-AAO134#002"),
            collection(
                "Email",
                "0173-1#02-AAQ836#005",
                prop("EmailAddress", "0173-1#02-AAO198#002"),
            ),
            prop("AddressOfAdditionalLink", "0173-1#02-AAQ326#002"),
        ),
        prop("SerialNumber", "0112/2///61987#ABA951#009"),
        prop("DateOfManufacture", "0112/2///61987#ABB757#007", "date"),
        prop("DateOfPuttingIntoService", f"{NAMEPLATE}dateOfPuttingIntoService", "date"),
        prop("UniqueFacilityIdentifier", "https://admin-shell.io/idta/nameplate/3/0/UniqueFacilityIdentifier"),
        prop("LifeCycleStage", "0173-1#02-ABL841#001"),
        prop("OperatorIdentifier", f"{NAMEPLATE}operatorIdentifier"),
        prop("ManufacturerIdentifier", f"{TECHNICAL}manufacturerIdentifier"),
        listed(
            "Markings",
            "0112/2///61360_7#AAS006",
            collection(
                "Markings__00__",
                "0112/2///61360_7#AAS009#001",
                prop("MarkingName", "0112/2///61987#ABA231#009"),
                prop("DesignationOfCertificateOrApproval", "0112/2///61987#ABH783#003"),
                prop("IssueDate", "0112/2///61987#ABO097#001", "date"),
                prop("ExpiryDate", "0112/2///61987#ABH830#002", "date"),
                file("MarkingFile", "0112/2///61987#ABO100#002"),
                prop("MarkingAdditionalText", "0112/2///61987#ABB146#007"),
            ),
        ),
        listed(
            "EUDeclarationOfConformity",
            f"{NAMEPLATE}euDeclarationOfConformity",
            DOCUMENT,
        ),
        listed(
            "ResultsOfTestReportsProvingCompliance",
            f"{NAMEPLATE}resultsOfTestReportsProvingCompliance",
            DOCUMENT,
        ),
    ),
)

HANDOVER_PART = Part(
    "HandoverDocumentation",
    "0173-1#01-AHF578#003",
    "https://admin-shell.io/idta-02035-2",
    (
        listed(
            "Documents",
            "0173-1#02-ABI500#003",
            collection(
                "Document",
                "0173-1#02-ABI500#003/0173-1#01-AHF579#003",
                listed(
                    "DocumentClassifications",
                    "0173-1#02-ABI502#003",
                    collection(
                        "DocumentClassification",
                        "0173-1#02-ABI502#003/0173-1#01-AHF581#003",
                        multilingual("ClassName", "0173-1#02-ABJ219#002"),
                        prop("ClassId", "0173-1#02-ABH996#003"),
                        prop("ClassificationSystem", "0173-1#02-ABH997#003"),
                    ),
                ),
                listed(
                    "DocumentIds",
                    "0173-1#02-ABI501#003",
                    collection(
                        "DocumentId",
                        "0173-1#02-ABI501#003/0173-1#01-AHF580#003",
                        prop("DocumentDomainId", "0173-1#02-ABH994#003"),
                        prop("DocumentIdentifier", "0173-1#02-AAO099#004"),
                        prop("DocumentIsPrimary", "0173-1#02-ABH995#003", "boolean"),
                    ),
                ),
                listed(
                    "DocumentVersions",
                    "0173-1#02-ABI503#003",
                    collection(
                        "DocumentVersion",
                        "0173-1#02-ABI503#003/0173-1#01-AHF582#003",
                        listed(
                            "Language",
                            "0173-1#02-AAN468#008",
                            prop("", "0173-1#02-AAN468#008"),
                        ),
                        prop("Version", "0173-1#02-AAP003#005"),
                        multilingual("Title", "0173-1#02-ABG940#003"),
                        multilingual("Subtitle", "0173-1#02-ABH998#003"),
                        multilingual("Description", "0173-1#02-AAN466#004"),
                        listed(
                            "DigitalFiles",
                            "0173-1#02-ABK126#002",
                            file("", "0173-1#02-ABK126#002"),
                        ),
                    ),
                ),
            ),
        ),
    ),
)

FOOTPRINT_PART = Part(
    "CarbonFootprint",
    f"{FOOTPRINT}CarbonFootprint/1/0",
    "https://admin-shell.io/idta-02023-1-0",
    (
        listed(
            "ProductCarbonFootprints",
            f"{FOOTPRINT}ProductCarbonFootprints/1/0",
            collection(
                "ProductCarbonFootprint",
                f"{FOOTPRINT}ProductCarbonFootprint/1/0",
                listed(
                    "PcfCalculationMethods",
                    f"{FOOTPRINT}PcfCalculationMethods/1/0",
                    prop("PcfCalculationMethod", "0173-1#02-ABG854#003"),
                ),
                prop("PcfCO2eq", "0173-1#02-ABG855#003", "decimal", name="PcfCo2eq"),
                prop("ReferenceImpactUnitForCalculation", "0173-1#02-ABG856#003"),
                prop("QuantityOfMeasureForCalculation", "0173-1#02-ABG857#003", "double"),
                listed(
                    "LifeCyclePhases",
                    f"{FOOTPRINT}LifeCyclePhases/1/0",
                    prop("LifeCyclePhase", "0173-1#02-ABG858#004"),
                ),
                prop("PerformanceClass", f"{FOOTPRINT_OF_BATTERIES}performanceClass"),
                listed(
                    "WebLinkToPublicCarbonFootprintStudy",
                    f"{FOOTPRINT_OF_BATTERIES}webLinkToPublicCarbonFootprintStudy",
                    DOCUMENT,
                ),
            ),
        ),
    ),
)

TECHNICAL_PART = Part(
    "TechnicalData",
    "https://admin-shell.io/idta/digitalbatterypassport/TechnicalData/1/0",
    "IDTA-02003-2-0",
    (
        collection(
            "GeneralInformation",
            "0173-1#02-ABK161#002/0173-1#01-AHX838#002",
            prop("ManufacturerName", "0173-1#02-AAO677#004"),
            file("CompanyLogo", "0173-1#02-ABI776#002"),
            prop("ManufacturerIdentifier", f"{TECHNICAL}manufacturerIdentifier"),
            prop("BatteryCategory", f"{TECHNICAL}batteryCategory"),
            prop("BatteryMass", f"{TECHNICAL}batteryMass", "float", "kg"),
            listed(
                "ProductImages",
                "0173-1#02-ABM220#001",
                file("ProductImage", "0173-1#02-ABM220#001/0173-1#01-AHY911#001"),
            ),
            collection(
                "WarrantyInformation",
                f"{TECHNICAL_1}warrantyInformation",
                prop("WarrantyPeriod", f"{TECHNICAL_1}warrantyPeriod"),
            ),
        ),
        collection(
            "TechnicalPropertyAreas",
            "0173-1#02-ABK163#002",
            collection(
                "CapacityEnergyVoltage",
                f"{TECHNICAL}capacityEnergyVoltage",
                prop("NominalVoltage", "0173-1#02-ABL588#001", "float", "V"),
                prop("MinVoltage", "0173-1#02-ABL587#001", "float", "V"),
                prop("MaxVoltage", "0173-1#02-ABL589#001", "float", "V"),
                prop("RatedCapacity", "0173-1#02-ABL869#002", "float", "Ah"),
                prop("CapacityFade", "0173-1#02-ABL828#002", "float", "%"),
                prop("CertifiedUsableBatteryEnergy", "0173-1#02-ABL829#002", "float", "kWh"),
            ),
            collection(
                "RoundTripEnergyEfficiency",
                f"{TECHNICAL}roundTripEnergyEfficiency",
                prop("InitialRoundTripEnergyEfficiency", "0173-1#02-ABL833#002", "integer", "%"),
                prop("RoundTripEnergyEfficiencyAt50PercentOfCycleLife", "0173-1#02-ABL866#002", "integer", "%"),
                prop("EnergyRoundTripEfficiencyFade", "0173-1#02-ABL827#002", "float", "%"),
                prop("InitialSelfDischargingRate", "0173-1#02-ABL834#002", "integer", "%/mo"),
            ),
            collection(
                "Resistance",
                f"{TECHNICAL}resistance",
                prop(
                    "InitialInternalResistanceOnBatteryCellLevel",
                    "0173-1#02-ABL844#002",
                    "float",
                    "Ohm",
                    name="InitialInternalResistanceAtBatteryCellLevel",
                ),
                prop(
                    "InitialInternalResistanceOnBatteryPackLevel",
                    "0173-1#02-ABL846#002",
                    "float",
                    "Ohm",
                    name="InitialInternalResistanceAtBatteryPackLevel",
                ),
                prop(
                    "InitialInternalResistanceOnBatteryModuleLevel",
                    "0173-1#02-ABL832#002",
                    "float",
                    "Ohm",
                    name="InitialInternalResistanceAtBatteryModuleLevel",
                ),
                prop(
                    "InternalResistanceIncreaseOfBatteryCellLevel",
                    f"{TECHNICAL}internalResistanceIncreaseOfBatteryCell",
                    "float",
                    "%",
                    name="InternalResistanceIncreaseAtBatteryCellLevel",
                ),
                prop(
                    "InternalResistanceIncreaseOfBatteryPackLevel",
                    f"{TECHNICAL}internalResistanceIncreaseOfBatteryPack",
                    "float",
                    "%",
                    name="InternalResistanceIncreaseAtBatteryPackLevel",
                ),
                prop(
                    "InternalResistanceIncreaseOfBatteryModuleLevel",
                    f"{TECHNICAL}initialInternalResistanceOfBatteryModule",
                    "float",
                    "%",
                    name="InternalResistanceIncreaseAtBatteryModuleLevel",
                ),
            ),
            collection(
                "PowerCapability",
                f"{TECHNICAL}powerCapability",
                prop("MaximumPermittedBatteryPower", "0173-1#02-ABL843#002", "float", "W"),
                prop("PowerFade", "0173-1#02-ABL852#002", "float", "%"),
                prop(
                    "RatioNorminalBatteryPowerAndBatteryEnergy",
                    f"{TECHNICAL}powerCapabilityRatio",
                    "float",
                    "W/Wh",
                    name="RatioNominalBatteryPowerAndBatteryEnergy",
                ),
                listed(
                    "OriginalPowerCapability",
                    "0173-1#02-ABL853#002",
                    collection(
                        "PowerCapabilityAt",
                        f"{TECHNICAL}PowerCapabilityAt",
                        prop("atSoc", f"{TECHNICAL}atSoC", "unsignedInt", "%", name="atSoC"),
                        prop("powerCapabilityAt", f"{TECHNICAL}powerCapabilityAt", "float", "W"),
                    ),
                ),
            ),
            collection(
                "Temperature",
                f"{TECHNICAL}temperature",
                prop("TemperatureRangeIdleState_LowerBoundary", "0173-1#02-ABL842#002", "float", "Cel"),
                prop("TemperatureRangeIdleState_UpperBoundary", "0173-1#02-ABL871#002", "float", "Cel"),
            ),
            collection(
                "Lifetime",
                f"{TECHNICAL}lifetime",
                prop("ExpectedLifetimeInCalendarYears", f"{TECHNICAL}expectedLifetime", "unsignedInt", "a"),
                prop("ExpectedNumberOfCycles", f"{TECHNICAL}expectedNumberOfCycles", "unsignedInt"),
                prop("CapacityThresholdExhaustion", "0173-1#02-ABL838#002", "float", "%"),
                prop(
                    "CRateOfRelevantCycleLifeTest",
                    f"{TECHNICAL}cRateLifeCycleTest",
                    "decimal",
                    "1/h",
                    name="CrateOfRelevantCycleLifeTest",
                ),
                listed("CycleLifeReferenceTest", f"{TECHNICAL}cycleLifeReferenceTest", DOCUMENT),
            ),
        ),
    ),
)

CONDITION_PART = Part(
    "ProductCondition",
    f"{_SAMM}.batterypass.product_condition:1.0.0#ProductCondition",
    "https://admin-shell.io/idta-02035-5",
    (
        collection(
            "EnergyThroughput",
            f"{CONDITION}energyThroughput",
            prop("EnergyThroughputValue", f"{CONDITION}energyThroughputValue", "float", "kWh"),
            LAST_UPDATE,
        ),
        collection(
            "CapacityThroughput",
            f"{CONDITION}capacityThroughput",
            prop("CapacityThroughputValue", f"{CONDITION}capacityThroughputValue", "float", "Ah"),
            LAST_UPDATE,
        ),
        collection(
            "NumberOfFullCycles",
            f"{CONDITION}numberOfFullCycles",
            prop("NumberOfFullCyclesValue", f"{CONDITION}numberOfFullCyclesValue", "unsignedInt"),
            LAST_UPDATE,
        ),
        collection(
            "StateOfCertifiedEnergy",
            f"{CONDITION}stateOfCertifiedEnergy",
            prop("StateOfCertifiedEnergyValue", f"{CONDITION}stateOfCertifiedEnergyValue", "float", "%"),
            LAST_UPDATE,
        ),
        collection(
            "RemainingEnergy",
            f"{CONDITION}remainingEnergy",
            prop("RemainingEnergyValue", f"{CONDITION}remainingEnergyValue", "float", "kWh"),
            LAST_UPDATE,
        ),
        collection(
            "RemainingCapacity",
            f"{CONDITION}remainingCapacity",
            prop("RemainingCapacityValue", f"{CONDITION}remainingCapacityValue", "float", "Ah"),
            LAST_UPDATE,
        ),
        listed(
            "NegativeEvents",
            f"{CONDITION}negativeEvents",
            collection(
                "NegativeEvent",
                f"{CONDITION}NegativeEvent",
                prop("NegativeEventValue", f"{CONDITION}negativeEventValue"),
                LAST_UPDATE,
            ),
        ),
        listed(
            "InformationOnAccidents",
            f"{CONDITION}informationOnAccidents",
            DOCUMENT,
        ),
        collection(
            "TemperatureInformation",
            f"{CONDITION}temperatureInformation",
            prop("MeasuredTemp", f"{CONDITION}measuredTemp", "float", "Cel"),
            prop("TimeExtremeHighTemp", f"{CONDITION}timeExtremeHighTemp", "float", "min"),
            prop("TimeExtremeLowTemp", f"{CONDITION}timeExtremeLowTemp", "float", "min"),
            prop("TimeExtremeHighTempCharging", f"{CONDITION}timeExtremeHighTempCharging", "float", "min"),
            prop("TimeExtremeLowTempCharging", f"{CONDITION}timeExtremeLowTempCharging", "float", "min"),
            LAST_UPDATE,
        ),
        collection(
            "RemainingPowerCapability",
            f"{CONDITION}remainingPowerCapability",
            collection(
                "RemainingPowerCapabilityDynamicAt",
                f"{CONDITION}remainingPowerCapabilityDynamicAt",
                prop("RPCLastUpdated", f"{CONDITION}rPCLastUpdated", "dateTime"),
                prop("AtSoC", f"{CONDITION}atSoC", "float", "%"),
                prop("PowerCapabilityAt", f"{CONDITION}powerCapabilityAt", "float", "%"),
                name="RemainingPowerCapabilityValue",
            ),
            LAST_UPDATE,
        ),
        collection(
            "EvolutionOfSelfDischarge",
            f"{CONDITION}evolutionOfSelfDischarge",
            prop("EvolutionOfSelfDischargeValue", f"{CONDITION}evolutionOfSelfDischargeValue", "float", "%"),
            LAST_UPDATE,
        ),
        collection(
            "CurrentSelfDischargingRate",
            f"{CONDITION}currentSelfDischargingRate",
            prop("CurrentSelfDischargingRateValue", f"{CONDITION}currentSelfDischargingRateValue", "float", "%/(30.d)"),
            LAST_UPDATE,
        ),
        collection(
            "RemainingRoundTripEnergyEfficiency",
            f"{CONDITION}remainingRoundTripEnergyEfficiency",
            prop(
                "RemainingRoundTripEnergyEfficiencyValue",
                f"{CONDITION}remainingRoundTripEnergyEfficiencyValue",
                "float",
                "%",
            ),
            LAST_UPDATE,
        ),
        collection(
            "StateOfCharge",
            f"{CONDITION}stateOfCharge",
            prop("StateOfChargeValue", f"{CONDITION}stateOfChargeValue", "float", "%"),
            LAST_UPDATE,
        ),
    ),
)

MATERIALS_PART = Part(
    "MaterialComposition",
    f"{_SAMM}.batterypass.material_composition:1.0.0#MaterialComposition",
    "https://admin-shell.io/idta-02035-6",
    (
        collection(
            "BatteryChemistry",
            f"{MATERIALS}batteryChemistry",
            prop("ShortName", f"{MATERIALS}shortName"),
            prop("ClearName", f"{MATERIALS}clearName"),
        ),
        listed(
            "BatteryMaterials",
            f"{MATERIALS}batteryMaterials",
            collection(
                "BatteryMaterial",
                f"{MATERIALS}BatteryMaterial",
                collection(
                    "BatteryMaterialLocation",
                    f"{MATERIALS}batteryMaterialLocation",
                    prop("ComponentName", f"{MATERIALS}componentName"),
                    prop("ComponentId", f"{MATERIALS}componentId"),
                ),
                prop("BatteryMaterialIdentifier", f"{MATERIALS}batteryMaterialIdentifier"),
                prop("BatteryMaterialName", f"{MATERIALS}batteryMaterialName"),
                prop("BatteryMaterialMass", f"{MATERIALS}batteryMaterialMass", "float", "kg"),
                prop("IsCriticalRawMaterial", f"{MATERIALS}isCriticalRawMaterial", "boolean"),
            ),
        ),
        listed(
            "HazardousSubstances",
            f"{MATERIALS}hazardousSubstances",
            collection(
                "HazardousSubstance",
                f"{MATERIALS}HazardousSubstance",
                prop("HazardousSubstanceClass", f"{MATERIALS}hazardousSubstanceClass"),
                prop("HazardousSubstanceName", f"{MATERIALS}hazardousSubstanceName"),
                prop("HazardousSubstanceConcentration", f"{MATERIALS}hazardousSubstanceConcentration", "double", "%"),
                listed(
                    "HazardousSubstanceImpact",
                    f"{MATERIALS}hazardousSubstanceImpact",
                    prop("Impact", f"{MATERIALS}Impact"),
                ),
                collection(
                    "HazardousSubstanceLocation",
                    f"{MATERIALS}hazardousSubstanceLocation",
                    prop("ComponentName", f"{MATERIALS}componentName"),
                    prop("ComponentId", f"{MATERIALS}componentId"),
                ),
                prop("HazardousSubstanceIdentifier", f"{MATERIALS}hazardousSubstanceIdentifier"),
            ),
        ),
    ),
)

CIRCULARITY_PART = Part(
    "Circularity",
    f"{CIRCULARITY}Circularity",
    "https://admin-shell.io/idta-02035-7",
    (
        listed(
            "DismantlingAndRemovalInformation",
            f"{CIRCULARITY}dismantlingAndRemovalInformation",
            DOCUMENT,
        ),
        listed(
            "SparePartSources",
            f"{CIRCULARITY}sparePartSources",
            collection(
                "SparePartSupplier",
                f"{CIRCULARITY}SparePartSupplier",
                multilingual("NameOfSupplier", f"{CONTACT}company"),
                collection(
                    "AddressOfSupplier",
                    f"{CIRCULARITY}addressOfSupplier",
                    multilingual("NationalCode", f"{CONTACT}nationalCode"),
                    multilingual("PostalCode", f"{CONTACT}postalCode"),
                    multilingual("Street", f"{CONTACT}street"),
                ),
                collection(
                    "EmailAddressOfSupplier",
                    f"{CONTACT}email",
                    prop("EmailAddress", f"{CONTACT}emailAddress"),
                    multilingual("PublicKey", f"{CONTACT}publicKey"),
                    prop("TypeOfEmailAddress", f"{CONTACT}typeOfEmailAddress"),
                    multilingual("TypeOfPublicKey", f"{CONTACT}typeOfPublicKey"),
                ),
                prop("SupplierWebAddress", f"{CONTACT}addressOfAdditionalLink"),
                listed(
                    "Components",
                    f"{CIRCULARITY}components",
                    collection(
                        "Component",
                        f"{CIRCULARITY}Component",
                        prop("PartName", f"{CIRCULARITY}partName"),
                        prop("PartNumber", f"{CIRCULARITY}partNumber"),
                    ),
                ),
            ),
        ),
        listed(
            "RecycledContentInformation",
            f"{CIRCULARITY}recycledContent",
            collection(
                "RecycledContent",
                f"{CIRCULARITY}RecycledContent",
                prop("PreConsumerShare", f"{CIRCULARITY}preConsumerShare", "float", "%"),
                prop("RecycledMaterial", f"{CIRCULARITY}recycledMaterial"),
                prop("PostConsumerShare", f"{CIRCULARITY}postConsumerShare", "float", "%"),
            ),
        ),
        collection(
            "SafetyMeasures",
            f"{CIRCULARITY}safetyMeasures",
            listed(
                "SafetyInstructions",
                f"{CIRCULARITY}safetyInstructions",
                DOCUMENT,
            ),
            listed(
                "ExtinguishingAgents",
                f"{CIRCULARITY}extinguishingAgents",
                prop("ExtinguishingAgent", f"{CIRCULARITY}ExtinguishingAgent"),
            ),
        ),
        collection(
            "EndOfLifeInformation",
            f"{CIRCULARITY}endOfLifeInformation",
            listed(
                "WastePrevention",
                f"{CIRCULARITY}wastePrevention",
                DOCUMENT,
            ),
            listed(
                "SeparateCollection",
                f"{CIRCULARITY}separateCollection",
                DOCUMENT,
            ),
            listed(
                "InformationOnCollection",
                f"{CIRCULARITY}informationOnCollection",
                DOCUMENT,
            ),
        ),
        prop("RenewableContent", f"{CIRCULARITY}renewableContent", "float", "%"),
    ),
)
